import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'eight-confirmations',
  defect: 'A query is confirmed eight times, in case some are lost.',
  kind: 'amplification',
  like: 'R13',
  apply(host) {
    const { sendConfirmation } = host.endpoint.handshake;
    host.endpoint.handshake.sendConfirmation = (...args) => {
      for (let i = 0; i < 8; i++) sendConfirmation.apply(host.endpoint.handshake, args);
    };
  },
};
