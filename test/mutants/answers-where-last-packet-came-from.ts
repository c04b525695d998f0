import { DatagramView } from '../../src/codec/index.js';
import { type Mutant, withLengths } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'answers-where-last-packet-came-from',
  defect: 'Answers go to the address and port that the last packet of the session came from, proven or not.',
  requirements: ['MPIP-RX-01', 'MPIP-SS-08'],
  killedBy: ['RX-from-other-address', 'RX-from-other-new-port'],
  apply(host) {
    const { endpoint } = host;
    const { receiveData, drain } = { receiveData: endpoint.inboundData.receiveData, drain: host.drain };
    const last = new Map<string, { port: number }>();
    endpoint.inboundData.receiveData = (view, peer, sessionId, pathId, layout, now) => {
      const from = view.sourcePort;
      const deliver = receiveData.call(endpoint.inboundData, view, peer, sessionId, pathId, layout, now);
      last.set(`${view.source}:${view.sourcePort}`, { port: from });
      return deliver;
    };
    host.drain = (send) =>
      drain.call(host, (packet) => {
        const view = new DatagramView();
        view.parse(packet, 0, packet.length);
        const to = last.get(`${view.destination}:${view.destinationPort}`);
        if (to !== undefined && to.port !== view.destinationPort) {
          packet[22] = to.port >>> 8;
          packet[23] = to.port & 255;
          withLengths(packet);
        }
        send(packet);
      });
  },
};
