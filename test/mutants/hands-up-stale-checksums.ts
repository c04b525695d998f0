import { readU16be, writeU16be } from '../../src/codec/bytes.js';
import { TCP } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'hands-up-stale-checksums',
  defect: "What came by another path goes up with the session's tuple and the checksum for the tuple of the path.",
  requirements: ['MPIP-RX-04', 'MPIP-RX-01'],
  killedBy: [
    'AD-flag-keeps-one-path',
    'AD-own-change-is-flagged',
    'AD-own-session-survives',
    'AD-paths-come-back',
    'AD-session-survives',
    'RX-from-other-address',
    'RX-from-other-known-port',
    'RX-from-other-new-port',
    'RX-to-other-service-port',
  ],
  apply({ endpoint }) {
    const { inboundData } = endpoint;
    const { restore } = inboundData;
    inboundData.restore = (view, session) => {
      const at = view.l4Offset + (view.protocol === TCP ? 16 : 6);
      const before = readU16be(view.bytes, at);
      restore.call(inboundData, view, session);
      writeU16be(view.bytes, at, before);
    };
  },
};
