import { Flags, TCP, TcpFlags } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-unasked-syn-ack',
  defect: 'A SYN-ACK of a fake handshake that was never begun is looked up and not found.',
  kind: 'crash',
  like: 'R10',
  apply(host) {
    onCm(host, (view) => {
      const both = TcpFlags.syn | TcpFlags.ack;
      if (view.cm.flags === Flags.handshake && view.protocol === TCP && (view.tcpFlags & both) === both)
        throw new TypeError("Cannot read properties of undefined (reading 'sequence')");
    });
  },
};
