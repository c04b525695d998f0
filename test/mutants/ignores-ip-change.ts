import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-ip-change',
  defect: 'The flag ip-change is taken for an ordinary data packet.',
  requirements: ['MPIP-AD-02', 'MPIP-CM-07'],
  killedBy: [
    'AD-change-during-a-change',
    'AD-each-change-counts',
    'AD-fake-paths-come-back',
    'AD-flag-keeps-one-path',
    'AD-handshake-of-before-is-over',
    'AD-old-address-unused',
    'AD-other-address-lost',
    'AD-other-port',
    'AD-same-change-resets-once',
  ],
  apply(host) {
    host.endpoint.inbound.receiveAddressChange = () => {};
  },
};
