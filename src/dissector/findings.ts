/** Something worth knowing about a packet; stable ids. */
export type FindingId =
  | 'near-cm'
  | 'ambiguous-layout'
  | 'udp-length'
  | 'ip-checksum'
  | 'udp-checksum'
  | 'tcp-checksum'
  | 'path-zero'
  | 'cm-in-fragment'
  | 'cut-short';

/** What is said about a finding; the Wireshark plugin and the documentation are derived from it. */
export interface FindingDeclaration {
  readonly id: FindingId;
  readonly severity: 'note' | 'warn' | 'error';
  /** Wireshark's group of expert information. */
  readonly group: 'assumption' | 'checksum' | 'protocol' | 'reassemble' | 'sequence' | 'undecoded';
  /** One sentence for people, without the full stop. */
  readonly text: string;
  /** More for the documentation: when it is looked for, why it may be harmless. */
  readonly remark?: string;
}

/** Every finding, in the order in which a record lists them. */
export const FINDINGS: readonly FindingDeclaration[] = [
  {
    id: 'ip-checksum',
    severity: 'error',
    group: 'checksum',
    text: 'the IP header checksum is wrong',
    remark: 'only with `--checksums`',
  },
  {
    id: 'udp-length',
    severity: 'warn',
    group: 'protocol',
    text: 'the UDP length is not that of the IP payload',
  },
  {
    id: 'udp-checksum',
    severity: 'error',
    group: 'checksum',
    text: 'the UDP checksum is wrong',
    remark: 'only with `--checksums`; packets captured where they were sent may not have theirs yet (offload)',
  },
  {
    id: 'tcp-checksum',
    severity: 'error',
    group: 'checksum',
    text: 'the TCP checksum is wrong',
    remark: 'as `udp-checksum`; query copies have a wrong one on purpose',
  },
  {
    id: 'ambiguous-layout',
    severity: 'note',
    group: 'assumption',
    text: 'the block satisfies both layouts',
    remark: 'read as `compact` unless the sender is known to use `full`',
  },
  {
    id: 'path-zero',
    severity: 'note',
    group: 'sequence',
    text: 'path id 0 a second or more after the peer has used the session',
    remark: "a sender takes a path with the peer's first CM of the session",
  },
  {
    id: 'near-cm',
    severity: 'warn',
    group: 'protocol',
    text: 'no CM, but nearly',
    remark: 'flags above 5, or a wrong sum from a node already seen; only with `--all`',
  },
  {
    id: 'cm-in-fragment',
    severity: 'note',
    group: 'reassemble',
    text: 'the end of a fragment looks like a CM; a fragment never carries one',
    remark: 'only with `--all`',
  },
  {
    id: 'cut-short',
    severity: 'note',
    group: 'undecoded',
    text: 'cut short by the capture, so that a CM cannot be seen',
    remark: 'from an address and port that has sent a CM; only with `--all`',
  },
];
