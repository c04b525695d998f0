import { Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { isData, isHeartbeat, isQuery, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { ask, confirm, exchange, ownSession } from './moves.js';
import { tupleOf } from './pa.js';
import { beginHandshake, completeHandshake, TcpMesh } from './tcp-mesh.js';
import { overTcp, tcpSession } from './tcp-moves.js';

/** Several connections at once, and traffic in one direction only. */
export const CONNECTION_CASES: readonly TestCase[] = [
  {
    ...overTcp,
    id: 'SS-protocol-is-part-of-a-session',
    area: 'SS',
    purpose:
      'TCP and UDP on equal addresses and ports are two sessions: two ids, and nothing of one reaches the other.',
    requirements: ['MPIP-SS-10', 'MPIP-AV-18'],
    async run(t: Tester) {
      const node = t.node();
      const tcp = await tcpSession(t, { node });
      const port = await node.port(0, tcp.stream.port);
      const peer = await ask(t, port);
      if (peer.cm === undefined)
        t.inconc(
          'no-cm',
          'The address and port are known to speak MPIP by TCP; a datagram from there came without a control message.',
          { expected: EXPECTED.withCm, packet: peer },
        );
      t.require(
        cmOf(peer).sessionId !== tcp.id,
        'one-id-for-two-protocols',
        'A datagram carries the session id of the TCP connection on the same addresses and ports.',
        {
          packet: peer,
          field: 'sessionId',
          expected: `another id than ${tcp.id}`,
          seen: cmOf(peer).sessionId,
        },
      );
      const udp = { id: cmOf(peer).sessionId, port, service: 'echo' as const, first: peer };
      const { received } = await exchange(t, udp);
      t.equal(cmOf(received).sessionId, udp.id, 'other-session', 'The answer carries another session id.', {
        packet: received,
        field: 'sessionId',
      });
      t.pass('Two protocols, two sessions.', tcp.first, received);
    },
  },
  {
    ...overTcp,
    id: 'MT-connections-are-sessions-of-their-own',
    area: 'MT',
    purpose: 'Two TCP connections between the same nodes, as subflows of MPTCP are, are independent sessions.',
    requirements: ['MPIP-MT-01', 'MPIP-SS-02'],
    async run(t: Tester) {
      const node = t.node();
      const first = await TcpMesh.open(t, { node });
      const second = await TcpMesh.open(t, { node });
      t.require(first.session.id !== second.session.id, 'one-session-for-two', 'Two connections have one session id.', {
        expected: `another id than ${first.session.id}`,
        seen: second.session.id,
        packet: second.session.first,
        field: 'sessionId',
      });
      for (const mesh of [first, second]) {
        const packets = await mesh.talk(4);
        const stray = packets.find((packet) => cmOf(packet).sessionId !== mesh.session.id);
        t.refuse(stray, 'other-session', 'A segment of one connection carries the session id of another.', {
          expected: mesh.session.id,
          seen: stray?.cm?.sessionId ?? 0,
          field: 'sessionId',
        });
        if (packets.length === 0) t.inconc('no-cm', 'No segment with a control message came.');
      }
      t.pass('Each connection has its session.', first.session.first, second.session.first);
    },
  },
  {
    id: 'MT-each-connection-has-its-own-paths',
    area: 'MT',
    purpose:
      'Each of two TCP connections between the same nodes has paths of its own, as the subflows of MPTCP are to have.',
    requirements: ['MPIP-MT-02', 'MPIP-PA-01'],
    services: ['echo'],
    raw: true,
    tcp: true,
    sources: 2,
    capabilities: ['tcp', 'several-addresses'],
    async run(t: Tester) {
      const node = t.node();
      const meshes: TcpMesh[] = [];
      for (let i = 0; i < 2; i++) {
        const mesh = await TcpMesh.open(t, { node, sources: [0, 1] });
        meshes.push(mesh);
        if (!t.supports('fake-tcp')) continue;
        const handshake = await beginHandshake(t, mesh, 1);
        if (handshake.synAck === undefined)
          t.inconc('no-syn-ack', 'The SYN of a fake handshake was not answered: another case judges that.');
        completeHandshake(mesh, 1, handshake);
      }
      const [first, second] = meshes as [TcpMesh, TcpMesh];
      const shared = () => [...second.paths].find(([id]) => first.paths.has(id));
      for (let i = 0; i < 10 && shared() === undefined; i++) for (const mesh of meshes) await mesh.talk(4, 30_000);
      const [sharedId, sharedBy] = shared() ?? [];
      t.refuse(sharedBy, 'shared-path', `Two connections share the path id ${sharedId}.`, {
        expected: `an id that the first connection does not use: ${[...first.paths.keys()].join(', ')}`,
        seen: sharedId ?? 0,
        field: 'pathId',
      });
      for (const mesh of meshes) {
        t.require(
          mesh.paths.size > 1,
          'one-path',
          'One of two connections has a single path, though the same addresses can be used for both.',
          {
            packet: mesh.session.first,
            field: 'pathId',
            expected: 'several paths',
            seen: mesh.paths.size === 0 ? 'none' : [...mesh.paths.values()].map(tupleOf).join(', '),
          },
        );
      }
      t.pass('Each connection has its own paths.', ...first.paths.values(), ...second.paths.values());
    },
  },
  {
    id: 'HB-one-way-traffic-becomes-multipath',
    area: 'HB',
    purpose: 'A peer that only sends uses several paths when all it gets back are heartbeats.',
    requirements: ['MPIP-HB-08'],
    services: ['echo'],
    upperTester: true,
    capabilities: ['several-addresses'],
    duration: () => 3_000_000,
    async run(t: Tester) {
      const port = await t.node().port();
      const from = t.destination('echo').port;
      // Queries are confirmed, and data is answered with a heartbeat, never with data.
      port.onReceive((packet) => {
        if (isQuery(packet)) confirm(port, packet);
        else if (isData(packet)) {
          const { sessionId, pathId } = cmOf(packet);
          port.send({ address: packet.source, port: packet.sourcePort }, new Uint8Array(0), {
            flags: Flags.heartbeat,
            sessionId,
            feedbackPathId: pathId,
            pathDelay: 0,
          });
        }
      });
      const tuples = new Map<string, Observed>();
      let count = 0;
      for (let i = 0; i < 100 && tuples.size < 2; i++) {
        await t.upper.send(from, { address: port.address, port: port.port }, t.payload());
        await t.sleep(25_000);
        for (const packet of port.history)
          if (packet.direction === 'received' && isData(packet)) tuples.set(tupleOf(packet), packet);
        count++;
      }
      if (tuples.size === 0) t.inconc('no-cm', 'The peer sends no control messages to us.');
      t.require(
        tuples.size > 1,
        'one-path',
        'The peer sends one way, all its packets were answered with heartbeats, and it uses a single path.',
        {
          expected: 'several paths',
          seen: `${tuples.size} in ${count} packets`,
          packet: [...tuples.values()][0]!,
          field: 'pathId',
        },
      );
      t.pass(`One-way traffic took ${tuples.size} paths.`, ...tuples.values());
    },
  },
  {
    id: 'HB-path-by-normal-selection',
    area: 'HB',
    purpose: 'Heartbeats take paths as data does: those of one session come by several.',
    requirements: ['MPIP-HB-05'],
    services: ['echo', 'discard'],
    capabilities: ['several-addresses'],
    duration: (constants) => 9 * constants['heartbeat-age'],
    async run(t: Tester) {
      const port = await t.node().port();
      const session = await ownSession(t, port, 'discard');
      const tuples = new Map<string, Observed>();
      const age = t.constants['heartbeat-age'];
      // Each of several path ids is due on its own, so that not every heartbeat costs the whole age.
      for (let i = 0; i < 16 && tuples.size < 2; i++) {
        for (let pathId = 1; pathId <= 8; pathId++)
          port.send('discard', t.payload(), { sessionId: session.id, pathId });
        await t.sleep(age / 2);
        for (const packet of port.history)
          if (packet.direction === 'received' && isHeartbeat(packet)) tuples.set(tupleOf(packet), packet);
      }
      if (tuples.size === 0)
        t.inconc('no-heartbeat', 'One-way traffic brought no heartbeats: another case judges that.');
      t.require(
        tuples.size > 1,
        'one-path',
        'All heartbeats came by one path, though the peer has several addresses.',
        {
          packet: [...tuples.values()][0]!,
          field: 'pathId',
          expected: 'several paths',
          seen: [...tuples.keys()].join(', '),
        },
      );
      t.pass(`Heartbeats came by ${tuples.size} paths.`, ...tuples.values());
    },
  },
];
