/** What a peer may or may not support, or be set to (PICS, ISO/IEC 9646-7), each with what it says. */
export const CAPABILITIES = {
  tcp: 'carries TCP with MPIP',
  'fake-tcp': 'brings up paths of TCP by a fake handshake (paper, section 3.8.1)',
  'udp-wrapper': 'carries TCP on other paths than the original in UDP (paper, section 3.8.2)',
  reordering: 'holds early TCP segments back (paper, section 3.8.3)',
  'several-addresses': 'has more than one address',
  'address-change': 'tells of changed addresses, and obeys when told (paper, section 3.4)',
  rules: 'routes by rules of its user (paper, section 3.6.2)',
} as const;

/** Name of a capability. */
export type Capability = keyof typeof CAPABILITIES;

/** Every name. */
export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as readonly Capability[];

/** What is assumed of a peer of which nothing was declared: the paper, with its default for TCP (section 4.2.2). */
export const PAPER_CAPABILITIES: ReadonlySet<Capability> = new Set(
  CAPABILITY_NAMES.filter((name) => name !== 'udp-wrapper'),
);
