import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'strips-every-trailer',
  defect: 'All CMs at the end of a datagram are removed instead of one.',
  requirements: ['MPIP-CM-08'],
  killedBy: ['CM-one-trailer-removed'],
  apply({ endpoint }) {
    const { strip } = endpoint.inbound;
    endpoint.inbound.strip = (view) => {
      strip.call(endpoint.inbound, view);
      while (view.recognise(endpoint.inbound.acceptedLayouts(view))) strip.call(endpoint.inbound, view);
    };
  },
};
