import { formatNodeId } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { hasCm, isHeartbeat, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { confirmProvoked, ownSession, peerSession, received } from './moves.js';

/** Sections 3.1 and 3.3: the node id. */
export const NID_CASES: readonly TestCase[] = [
  {
    id: 'NID-one-for-all',
    area: 'NID',
    purpose: 'Query, confirmation, data and heartbeats carry one node id, in every session, to every node, over time.',
    requirements: ['MPIP-NID-02', 'MPIP-NID-03'],
    services: ['echo', 'discard'],
    duration: (constants) => 2.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const packets: Observed[] = [];
      for (const node of [t.node(), t.node()]) {
        const asked = await node.port();
        await confirmProvoked(t, asked);
        await peerSession(t, asked);
        const { port } = await ownSession(t, await node.port());
        packets.push(...received(asked, hasCm), ...received(port, hasCm));
      }
      const oneWay = await ownSession(t, await t.node().port(), 'discard');
      const age = t.constants['heartbeat-age'];
      for (let i = 0; i < 5; i++) {
        oneWay.port.send('discard', t.payload(), { sessionId: oneWay.id, pathId: 1 });
        await t.sleep(age / 2);
      }
      packets.push(...received(oneWay.port, hasCm));
      const first = packets[0]!;
      const octets = t.profile.layout === 'compact' ? 2 : 6;
      for (const packet of packets) {
        t.equal(
          formatNodeId(cmOf(packet).nodeId, octets),
          formatNodeId(cmOf(first).nodeId, octets),
          'node-id-changed',
          'Two packets of the peer carry different node ids.',
          { packet, field: 'nodeId' },
        );
      }
      t.pass('One node id in all packets.', first, ...packets.filter(isHeartbeat).slice(0, 1));
    },
  },
];
