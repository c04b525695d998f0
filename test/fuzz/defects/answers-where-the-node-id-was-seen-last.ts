import { addressKey, Flags, TrailerView, UDP } from '../../../src/codec/index.js';
import { rewriteTuple } from '../../../src/codec/rewrite.js';
import { onTransmit } from '../../conformance/mutant.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'answers-where-the-node-id-was-seen-last',
  defect: 'Data goes to the address that the node id was last seen at.',
  kind: 'confusion',
  like: 'R7',
  apply(host) {
    const last = new Map<number, { source: number; sourcePort: number }>();
    const ids = new Map<number, number>();
    onCm(host, (view) => {
      if (view.cm.layout !== 'compact' || view.cm.flags > Flags.ipChange || view.protocol !== UDP) return;
      const { source, sourcePort } = view;
      last.set(view.cm.nodeId, { source, sourcePort });
      if (!ids.has(addressKey(source, sourcePort))) ids.set(addressKey(source, sourcePort), view.cm.nodeId);
    });
    const view = new TrailerView();
    onTransmit(host, (packet) => {
      if (!view.locate(packet) || view.cm.flags > Flags.ipChange || view.protocol !== UDP) return;
      const place = last.get(ids.get(addressKey(view.destination, view.destinationPort)) ?? -1);
      if (place === undefined) return;
      const { source, sourcePort } = view;
      rewriteTuple(view, { source, sourcePort, destination: place.source, destinationPort: place.sourcePort });
    });
  },
};
