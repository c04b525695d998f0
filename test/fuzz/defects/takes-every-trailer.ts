import { Accept } from '../../../src/codec/view.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'takes-every-trailer',
  defect: 'Trailers are taken off as long as there is one.',
  kind: 'parsing',
  like: 'R23',
  apply(host) {
    const { strip } = host.endpoint.inbound;
    host.endpoint.inbound.strip = (view) => {
      strip.call(host.endpoint.inbound, view);
      while (view.recognise(Accept.both)) strip.call(host.endpoint.inbound, view);
    };
  },
};
