import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-damaged-wrappers',
  defect: 'The UDP checksum of a wrapped segment is not verified.',
  requirements: ['MPIP-UW-08'],
  killedBy: ['UW-damaged-wrapper-is-refused'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { inbound } = host.endpoint;
    const { receive } = inbound;
    inbound.receive = (packet, now, length) => {
      // As if whoever read it had verified the sum; what the octets add up to is then taken from them.
      const copy = packet.slice(0, length);
      if (copy[9] === 17) copy.fill(0, 26, 28);
      receive.call(inbound, copy, now, copy.length, true);
    };
  },
};
