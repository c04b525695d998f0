import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EndpointOptions } from '../../../src/endpoint/index.js';
import type { NatOptions } from '../../../src/sim/nat.js';
import { CONNECTIONS, RestlessPair } from '../../support/restless-pair.js';
import { runs } from '../../support/runs.js';

type Model = Record<string, never>;

/** Something that happens to the pair, and a pause; what must hold is looked at all the while. */
class Happening implements fc.Command<Model, RestlessPair> {
  constructor(
    private readonly text: string,
    private readonly action: (pair: RestlessPair) => void,
    private readonly pauseMillis = 0,
  ) {}

  check(): boolean {
    return true;
  }

  run(_model: Model, pair: RestlessPair): void {
    this.action(pair);
    pair.run(this.pauseMillis);
  }

  toString(): string {
    return this.text;
  }
}

const side = fc.constantFrom('a' as const, 'b' as const);
const connection = fc.nat(CONNECTIONS - 1);

const traffic = [
  ...Array.from({ length: 3 }, () =>
    fc
      .tuple(side, connection, fc.integer({ min: 20, max: 300 }), fc.nat(30))
      .map(
        ([from, which, size, pause]) =>
          new Happening(`say(${from},${which},${size}) +${pause}ms`, (pair) => pair.say(from, which, size), pause),
      ),
  ),
  ...Array.from({ length: 2 }, () =>
    fc.tuple(connection, fc.integer({ min: 1, max: 40 }), fc.constantFrom(3, 50)).map(
      ([which, count, pause]) =>
        new Happening(`converse(${which},${count}) each ${pause}ms`, (pair) => {
          for (let i = 0; i < count; i++) {
            pair.say('a', which, 20);
            pair.run(pause);
            pair.say('b', which, 20);
            pair.run(pause);
          }
        }),
    ),
  ),
  fc
    .oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(6000, 130_000))
    .map((millis) => new Happening(`wait(${millis}ms)`, () => {}, millis)),
];

const faults = [
  fc
    .tuple(side, fc.nat(3))
    .map(([node, which]) => new Happening(`addresses(${node},${which})`, (pair) => pair.setAddresses(node, which))),
  fc
    .record({
      loss: fc.constantFrom(0, 0.1, 0.5),
      jitterMicros: fc.constantFrom(0, 5000),
      duplication: fc.constantFrom(0, 0, 0.3),
    })
    .map((link) => new Happening(`links(${JSON.stringify(link)})`, (pair) => pair.setLinks(link))),
  fc
    .tuple(fc.constantFrom('a1' as const, 'a2' as const, 'b1' as const, 'b2' as const), fc.boolean())
    .map(([name, isForward]) => new Happening(`down(${name},${isForward})`, (pair) => pair.setDown(name, isForward))),
  fc.constant(new Happening('up()', (pair) => pair.setDown(undefined))),
  fc
    .tuple(side, fc.constantFrom(-500_000_000, -1000, 500_000_000))
    .map(
      ([node, step]) =>
        new Happening(`clock(${node},${step})`, (pair) => pair.wide.network.changeClock(pair.wide[node], step)),
    ),
  fc
    .tuple(side, fc.nat(150))
    .map(([node, back]) => new Happening(`replay(${node},${back})`, (pair) => pair.replay(node, back))),
];

const restarts = [
  fc
    .tuple(side, fc.boolean())
    .map(
      ([node, hasNewId]) =>
        new Happening(`restart(${node},${hasNewId ? 'new id' : 'same id'})`, (pair) => pair.restart(node, hasNewId)),
    ),
];

const rebinds = [
  fc
    .tuple(fc.constantFrom(0 as const, 1 as const), fc.boolean())
    .map(
      ([which, hasNewAddress]) =>
        new Happening(`rebind(${which}${hasNewAddress ? ',new address' : ''})`, (pair) =>
          pair.rebind(which, hasNewAddress),
        ),
    ),
];

/** Everything works again and everybody talks: the connections are back within the time that the timers imply. */
function settle(pair: RestlessPair): void {
  pair.setLinks({});
  pair.setDown(undefined);
  pair.setAddresses('a', 3);
  pair.setAddresses('b', 3);
  pair.converse(300, 100);
  assert.deepEqual(pair.converse(50, 20), [], 'every packet arrives');
}

const RUNS = runs(2);
const MODES: readonly Partial<EndpointOptions>[] = [{ tcpMode: 'fake-tcp' }, { tcpMode: 'udp-wrapper' }];
const KINDS = [
  ['nodes start again', [...traffic, ...faults, ...restarts], undefined],
  ['NATs forget', [...traffic, ...faults, ...rebinds], { filtering: 'endpoint-independent' }],
  ['strict NATs forget', [...traffic, ...faults, ...rebinds], { filtering: 'port-restricted' }],
  ['nodes behind NATs start again', [...traffic, ...restarts, ...rebinds], { filtering: 'endpoint-independent' }],
] as const;

for (const options of MODES)
  for (const [name, commands, nat] of KINDS)
    test(`${name}: user data stays whole and with its socket, tables are bounded, connections recover (${options.tcpMode})`, () => {
      fc.assert(
        fc.property(fc.nat(1000), fc.commands([...commands], { maxCommands: 40, size: '+1' }), (seed, happenings) => {
          const pair = new RestlessPair(seed + 1, options, nat);
          fc.modelRun(() => ({ model: {}, real: pair }), happenings);
          settle(pair);
        }),
        { ...RUNS, includeErrorInReport: true },
      );
    });

/** Packets of both hosts in turn. */
function talk(pair: RestlessPair, which: number, count: number, pauseMillis: number): void {
  for (let i = 0; i < count; i++) {
    pair.say('a', which, 20);
    pair.run(pauseMillis);
    pair.say('b', which, 20);
    pair.run(pauseMillis);
  }
}

const OPEN = { filtering: 'endpoint-independent' } as const;

/** What the properties found, made small. */
const FOUND: readonly [string, Omit<NatOptions, 'address'> | undefined, (pair: RestlessPair) => void][] = [
  [
    'a node with a new id speaks on two connections, of which its peer knew one: it gives them two session ids',
    undefined,
    (pair) => {
      pair.say('a', 1, 20);
      pair.run(0);
      pair.restart('a', true);
      pair.say('a', 0, 20);
      pair.run(4);
    },
  ],
  [
    'a node with a new id names a connection as its peer named another before',
    OPEN,
    (pair) => {
      talk(pair, 0, 1, 3);
      pair.restart('b', true);
      talk(pair, 1, 1, 3);
    },
  ],
  [
    'path packets of a node with a new id come from an address at which it is not believed yet',
    undefined,
    (pair) => {
      pair.say('a', 1, 20);
      pair.run(0);
      talk(pair, 0, 13, 50);
      pair.run(6000);
      pair.restart('a', true);
    },
  ],
  [
    'a node that started again gets a path packet under an id that it chose for another connection before it took its name over',
    OPEN,
    (pair) => {
      talk(pair, 0, 3, 3);
      pair.restart('b', false);
      talk(pair, 1, 3, 3);
    },
  ],
  [
    'path packets of a node with a new id come through a NAT that forgot its mappings',
    OPEN,
    (pair) => {
      talk(pair, 0, 7, 3);
      pair.restart('a', true);
      pair.rebind(0, false);
      pair.say('a', 1, 20);
      pair.run(9);
    },
  ],
];

for (const [name, nat, happen] of FOUND)
  test(`${name}: each connection keeps its socket and recovers (RX-03, decisions 67, 68)`, () => {
    for (const options of MODES) {
      const pair = new RestlessPair(1, options, nat);
      happen(pair);
      settle(pair);
    }
  });
