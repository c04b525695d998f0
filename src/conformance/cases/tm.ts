import { TcpFlags, UDP } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { headerField, isData } from '../observed.js';
import type { Tester } from '../tester.js';
import { isHandshake, isStep, openedByPeer } from './tcp-mesh.js';
import { overTcp } from './tcp-moves.js';

const common = {
  ...overTcp,
  area: 'TM',
  upperTester: true,
  sources: 2,
} as const;

/** A connection that the peer opened and writes on for a while, with our two addresses known to it. */
async function written(t: Tester) {
  const { mesh, handle } = await openedByPeer(t, [0, 1]);
  for (let i = 0; i < 24; i++) {
    await t.upper.write(handle, t.payload(24));
    await t.sleep(20_000);
  }
  const received = mesh.stream.history.filter(({ direction }) => direction === 'received');
  return {
    syn: received.find(isStep(TcpFlags.syn)),
    handshake: received.find(isHandshake),
    wrapped: received.find((packet) => packet.protocol === UDP && isData(packet)),
    last: received.at(-1)!,
  };
}

/** Sections 3.8 and 4.2.2: how TCP travels on further paths is a choice of the peer's user. */
export const TM_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'TM-fake-tcp',
    purpose:
      'A peer set to fake TCP, which is the default, opens paths by handshakes and puts no segment into UDP meanwhile.',
    requirements: ['MPIP-TM-02', 'MPIP-TM-01'],
    capabilities: ['tcp', 'fake-tcp'],
    async run(t: Tester) {
      const { syn, wrapped, last } = await written(t);
      t.require(wrapped === undefined, 'wraps', 'The peer was declared to use fake TCP; it puts segments into UDP.', {
        expected: 'IP protocol 6 (TCP) on every path',
        seen: 'IP protocol 17 (UDP)',
        packet: wrapped ?? last,
        ...headerField(wrapped, 'protocol'),
        requirement: 'MPIP-TM-01',
      });
      t.require(syn !== undefined, 'no-handshake', 'The peer was declared to use fake TCP; it begins no handshake.', {
        expected: EXPECTED.fakeSyn,
        seen: 'none',
        packet: last,
        ...headerField(last, 'tcpFlags'),
        requirement: 'MPIP-TM-01',
      });
      t.pass('The peer uses fake TCP.', syn);
    },
  },
  {
    ...common,
    id: 'TM-udp-wrapper',
    purpose: 'A peer set to the UDP wrapper puts segments of other paths into UDP and begins no handshake.',
    requirements: ['MPIP-TM-01'],
    capabilities: ['tcp', 'udp-wrapper'],
    async run(t: Tester) {
      const { handshake, wrapped, last } = await written(t);
      t.require(
        handshake === undefined,
        'handshakes',
        'The peer was declared to use the UDP wrapper; it begins a fake handshake.',
        {
          expected: 'segments in UDP, and no packet with the flag handshake (5)',
          packet: handshake ?? last,
          field: 'flags',
        },
      );
      t.require(
        wrapped !== undefined,
        'wraps-nothing',
        'The peer was declared to use the UDP wrapper; it puts no segment into UDP.',
        {
          expected: 'IP protocol 17 (UDP) on other paths than the original',
          seen: 'IP protocol 6 (TCP)',
          packet: last,
          ...headerField(last, 'protocol'),
        },
      );
      t.pass('The peer uses the UDP wrapper.', wrapped);
    },
  },
];
