import fc from 'fast-check';
import { fieldOf, LAYOUTS, type LayoutDeclaration } from '../codec/index.js';
import { edgeValues } from './field-values.js';
import {
  ACTORS,
  ADDRESSES,
  type BystanderStep,
  type Carrier,
  CONNECTIONS,
  type IdChoice,
  type Mutation,
  type NetworkStep,
  type PauseStep,
  type SendStep,
  type Step,
} from './step.js';

/** What a generator has to know of the target and the run. */
export interface StepSettings {
  /** Mutators that can be used on this target, by name. */
  readonly mutators: readonly string[];
  /** Whether TCP segments can be sent. */
  readonly sendsTcp: boolean;
  /** Packets in the corpus. */
  readonly corpusSize: number;
  /** Whether fuzzed nodes may pass for the bystander: not where they share its address. */
  readonly mayImpersonate: boolean;
  /** Longest pause in microseconds. */
  readonly longestPause: number;
  /** The layouts, by default those of the codec. */
  readonly layouts?: readonly LayoutDeclaration[];
}

const weighted = <T>(...choices: readonly (readonly [number, T])[]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/** A 32-bit number, small ones and edges more often. */
const parameter = fc.oneof(
  { weight: 4, arbitrary: fc.nat(64) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff, 0xffff_ffff, 0xffff, 0x8000_0000, 255, 256) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);

/** Ids of either width: those of `full` are seldom, being cut in `compact`. */
const idValue = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 2, 3, 255, 254, 128, 127) },
  { weight: 3, arbitrary: fc.nat(255) },
  { weight: 1, arbitrary: fc.constantFrom(0xffff, 0xfffe, 0x8000, 0x0100) },
  { weight: 1, arbitrary: fc.nat(0xffff) },
);

function idChoice(own: number, none: number): fc.Arbitrary<IdChoice> {
  const ref = weighted(
    [own, 'own' as const],
    [none, 'none' as const],
    [2, 'other' as const],
    [3, 'seen' as const],
    [2, 'literal' as const],
  );
  return fc.record({ ref, value: idValue }, { noNullPrototype: true });
}

/** A packet of a fuzzed node. */
function sendStep(settings: StepSettings): fc.Arbitrary<SendStep> {
  const layouts = settings.layouts ?? Object.values(LAYOUTS);
  const delayField = fieldOf(layouts[0]!, 'pathDelay');
  const delays = delayField === undefined ? [0] : edgeValues(delayField).map((value) => value | 0);
  const carrier: fc.Arbitrary<Carrier> = settings.sendsTcp
    ? weighted([12, 'udp' as const], [5, 'tcp' as const], [2, 'wrapper' as const])
    : weighted([12, 'udp' as const], [1, 'wrapper' as const]);
  return fc.record(
    {
      kind: fc.constant('send' as const),
      message: weighted(
        [2, 'plain' as const],
        [4, 'enable' as const],
        [3, 'enabled' as const],
        [10, 'normal' as const],
        [2, 'heartbeat' as const],
        [2, 'handshake' as const],
        [2, 'ip-change' as const],
      ),
      carrier,
      segment: weighted(
        [4, 'syn' as const],
        [1, 'syn-ack' as const],
        [2, 'ack' as const],
        [8, 'data' as const],
        [3, 'gap' as const],
        [1, 'old' as const],
        [1, 'fin' as const],
        [1, 'rst' as const],
      ),
      layout: weighted([5, 'compact' as const], [2, 'full' as const]),
      actor: fc.nat(ACTORS - 1),
      connection: fc.nat(CONNECTIONS - 1),
      address: fc.nat(ADDRESSES - 1),
      identity: settings.mayImpersonate
        ? weighted(
            [12, 'own' as const],
            [1, 'other' as const],
            [3, 'bystander' as const],
            [1, 'peer' as const],
            [1, 'literal' as const],
          )
        : weighted([12, 'own' as const], [1, 'other' as const], [1, 'peer' as const], [1, 'literal' as const]),
      session: idChoice(14, 2),
      path: idChoice(10, 6),
      feedback: idChoice(0, 8),
      delay: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
        { weight: 2, arbitrary: fc.constantFrom(...delays) },
        { weight: 1, arbitrary: fc.integer() },
      ),
      list: weighted(
        [8, 'own' as const],
        [2, 'one' as const],
        [1, 'none' as const],
        [1, 'strangers' as const],
        [1, 'peer' as const],
        [1, 'odd' as const],
      ),
      size: fc.oneof(
        { weight: 6, arbitrary: fc.nat(64) },
        { weight: 1, arbitrary: fc.nat(1300) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 17, 1352, 1400) },
      ),
      mutations: mutations(settings),
    },
    { noNullPrototype: true },
  );
}

function mutations({ mutators }: StepSettings): fc.Arbitrary<readonly Mutation[]> {
  const mutation = fc.record(
    { name: fc.constantFrom(...mutators), at: parameter, value: parameter },
    { noNullPrototype: true },
  );
  return fc.oneof(
    { weight: 11, arbitrary: fc.constant<readonly Mutation[]>([]) },
    { weight: 6, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
  );
}

function pauseStep(longest: number): fc.Arbitrary<PauseStep> {
  const spans = [1, 900, 20_000, 100_000, 1_100_000, 5_500_000, 31_000_000, 121_000_000].filter(
    (span) => span <= longest,
  );
  return fc.record(
    {
      kind: fc.constant('pause' as const),
      micros: fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom(...spans) },
        { weight: 1, arbitrary: fc.nat(Math.min(longest, 2_000_000)) },
      ),
    },
    { noNullPrototype: true },
  );
}

/** Any step. */
export function stepArbitrary(settings: StepSettings): fc.Arbitrary<Step> {
  const actor = fc.nat(ACTORS - 1);
  const bystander: fc.Arbitrary<BystanderStep> = fc.record(
    {
      kind: fc.constant('bystander' as const),
      what: settings.sendsTcp
        ? weighted(
            [6, 'datagram' as const],
            [3, 'heartbeat' as const],
            [3, 'next' as const],
            [2, 'swap' as const],
            [1, 'hole' as const],
          )
        : weighted([6, 'datagram' as const], [3, 'heartbeat' as const]),
      size: fc.integer({ min: 1, max: 200 }),
      address: fc.nat(ADDRESSES - 1),
    },
    { noNullPrototype: true },
  );
  const network: fc.Arbitrary<NetworkStep> = fc.record(
    {
      kind: fc.constant('network' as const),
      effect: fc.constantFrom('lose' as const, 'duplicate' as const, 'hold' as const, 'release' as const),
      count: fc.integer({ min: 1, max: 4 }),
    },
    { noNullPrototype: true },
  );
  const choices: fc.WeightedArbitrary<Step>[] = [
    { weight: 60, arbitrary: sendStep(settings) },
    { weight: 8, arbitrary: pauseStep(settings.longestPause) },
    { weight: 8, arbitrary: bystander },
    { weight: 5, arbitrary: network },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('addresses' as const), actor }, { noNullPrototype: true }),
    },
  ];
  if (settings.corpusSize > 0) {
    choices.push({
      weight: 10,
      arbitrary: fc.record(
        {
          kind: fc.constant('corpus' as const),
          index: fc.nat(settings.corpusSize - 1),
          actor,
          connection: fc.nat(CONNECTIONS - 1),
          address: fc.nat(ADDRESSES - 1),
          adopted: fc.boolean(),
          mutations: mutations(settings),
        },
        { noNullPrototype: true },
      ),
    });
  }
  return fc.oneof(...choices);
}
