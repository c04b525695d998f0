import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'empty-user-data-is-ordinary',
  defect: 'A datagram of nothing but a trailer is taken for an ordinary one.',
  requirements: ['MPIP-CK-02', 'MPIP-CM-08'],
  killedBy: [
    'AV-tcp-confirm-copies-next-segment',
    'AV-tcp-confirm-enables',
    'AV-tcp-confirm-to-whoever-asked',
    'AV-tcp-copied-segment-is-sent',
    'AV-tcp-no-segment-invented',
    'AV-tcp-query-copies-segment',
    'CK-filler-required',
    'CM-stream-keeps-every-octet',
    'CM-zero-length-user-data',
    'HB-one-way-traffic-becomes-multipath',
    'HS-syn-is-answered-on-its-path',
    'OO-buffer-of-ten',
    'OO-held-in-order-of-sequence',
    'OO-second-gap-still-waits',
    'OO-late-segment-passes',
    'PA-mesh-of-all-addresses',
  ],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint.inbound;
    endpoint.inbound.isAcceptable = (view) => view.userDataLength > 0 && isAcceptable.call(endpoint.inbound, view);
  },
};
