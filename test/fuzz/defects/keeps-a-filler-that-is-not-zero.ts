import { UDP } from '../../../src/codec/index.js';
import { withLengths } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'keeps-a-filler-that-is-not-zero',
  defect: 'A filler that is not 0 is taken for user data.',
  kind: 'corruption',
  apply(host) {
    const { strip } = host.endpoint.inbound;
    host.endpoint.inbound.strip = (view) => {
      const { filler } = view.cm;
      strip.call(host.endpoint.inbound, view);
      if (filler === undefined || filler === 0 || view.protocol !== UDP) return;
      const longer = withLengths(view.bytes.slice(0, view.end + 1));
      view.bytes.set(longer);
      view.parse(view.bytes, 0, longer.length);
    };
  },
};
