import { referenceUpperTester } from '../../src/cli/reference-upper-tester.js';
import {
  type Constants,
  defaultConstants,
  type Ipv4,
  PROFILES,
  type ProfileName,
  parseIpv4,
} from '../../src/codec/index.js';
import { type Capability, PAPER_CAPABILITIES } from '../../src/conformance/capabilities.js';
import type { ServiceName, TestCase } from '../../src/conformance/case.js';
import { CASES } from '../../src/conformance/cases/index.js';
import { runSuite, type SuiteOptions } from '../../src/conformance/engine.js';
import type { RunResult } from '../../src/conformance/result.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { ReferenceHost, type TcpMode } from '../../src/endpoint/index.js';
import type { LinkOptions, VirtualHost } from '../../src/sim/network.js';
import type { Mutant } from './mutant.js';

/** Addresses of the peer on the virtual network. */
export const PEER_ADDRESSES = ['192.0.2.1', '192.0.2.2'].map((text) => parseIpv4(text));

/** Services of the peer and their ports. */
export const SERVICES: ReadonlyMap<ServiceName, number> = new Map([
  ['echo', 7000],
  ['discard', 7001],
]);

/** Port of the peer's TCP echo service. */
export const TCP_PORT = 7000;

/** How `play` runs the suite; nothing is required. */
export interface PlayOptions {
  readonly seed?: number;
  readonly cases?: readonly TestCase[];
  readonly profile?: ProfileName;
  readonly constants?: Partial<Constants>;
  readonly mutant?: Pick<Mutant, 'tcpMode' | 'reordering' | 'apply'>;
  readonly explain?: boolean;
  /** How the peer carries TCP on other paths than the original; default fake TCP. */
  readonly tcpMode?: TcpMode;
  /** Whether it puts TCP segments in order; default true. */
  readonly reordering?: boolean;
  /** What happens to datagrams between tester and peer; default nothing. */
  readonly network?: LinkOptions;
  /** Addresses of the peer; default two. */
  readonly addresses?: readonly Ipv4[];
  /** What the peer is declared to support; default what it does. */
  readonly capabilities?: ReadonlySet<Capability>;
  /** Another peer than the reference. */
  readonly createPeer?: (seed: number) => VirtualHost;
}

/** Plays cases against the reference, or a mutant of it, on the virtual clock. */
export async function play(options: PlayOptions = {}): Promise<RunResult> {
  return await runSuite(suiteOptions(options));
}

/** The run that `play` makes of its options. */
export function suiteOptions(options: PlayOptions = {}) {
  const { seed = 1, cases = CASES, profile = 'paper', mutant } = options;
  const tcpMode = options.tcpMode ?? mutant?.tcpMode ?? 'fake-tcp';
  const reordering = options.reordering ?? mutant?.reordering ?? true;
  const constants = { ...defaultConstants(), ...options.constants };
  const createReference = (peerSeed: number) => {
    const services = [...SERVICES].map(([name, port]) => ({ name, port }));
    const host = new ReferenceHost({
      addresses: options.addresses ?? PEER_ADDRESSES,
      services,
      profile,
      constants,
      seed: peerSeed,
      tcpMode,
      reordering,
      verifiesChecksums: true,
    });
    mutant?.apply(host);
    return host;
  };
  const capabilities = new Set<Capability>([...PAPER_CAPABILITIES].filter((name) => name !== 'fake-tcp'));
  capabilities.add(tcpMode);
  if (!reordering) capabilities.delete('reordering');
  return {
    link: new VirtualLink({
      ...(options.network === undefined ? {} : { network: options.network }),
      createPeer: options.createPeer ?? createReference,
      ...(options.createPeer === undefined
        ? { upperTester: (host, surroundings) => referenceUpperTester(host as ReferenceHost, surroundings) }
        : {}),
    }),
    address: PEER_ADDRESSES[0]!,
    tcpPort: TCP_PORT,
    capabilities: options.capabilities ?? capabilities,
    services: SERVICES,
    profile: PROFILES[profile],
    constants,
    seed,
    cases,
    explain: options.explain ?? false,
    catalogue: CASES,
  } satisfies SuiteOptions;
}

/** Ids of the cases that found a breach: a verdict `fail`, or a warning where only a recommendation was broken. */
export function complaints(run: RunResult): string[] {
  return run.cases.filter((result) => result.verdict === 'fail' || result.warnings.length > 0).map(({ id }) => id);
}
