import { buildTcp, TcpFlags } from '../../../src/codec/index.js';
import { alsoSends, type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'probes-to-announced-addresses-for-every-packet',
  defect: 'Every CM makes the node try every address that it lists, many times.',
  kind: 'amplification',
  like: 'R12',
  apply(host) {
    const send = alsoSends(host);
    onCm(host, (view) => {
      const { source, sourcePort, destination, destinationPort, cm } = view;
      for (const address of cm.localAddresses) {
        if (address === source || address === 0) continue;
        const tuple = {
          source: destination,
          sourcePort: destinationPort,
          destination: address,
          destinationPort: sourcePort,
        };
        const probe = buildTcp(tuple, { sequence: 1, flags: TcpFlags.syn }, new Uint8Array(0));
        for (let i = 0; i < 24; i++) send(probe);
      }
    });
  },
};
