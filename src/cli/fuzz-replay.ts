import { Player } from '../fuzz/attempt.js';
import { corpusOf, type Finding, readFinding } from '../fuzz/finding.js';
import { mixSeed } from '../fuzz/generator.js';
import { groupOf } from '../fuzz/oracle.js';
import { stepText } from '../fuzz/step.js';
import { LiveTarget } from '../fuzz/targets/live-target.js';
import { Exit, FaultError } from './exit.js';
import { type FuzzArguments, peerName, peerOf } from './fuzz-options.js';
import { openTarget } from './fuzz-targets.js';

/** How often a finding is played. */
const TIMES = 5;

/**
 * Plays a finding again, against the target it was found on unless another is given.
 * @returns 1 reproduced, 0 not, 3 the peer is silent from the start.
 */
export async function replay(folder: string, argv: FuzzArguments): Promise<number> {
  const finding = read(folder);
  const isSelf = argv.self === true || (argv.peer === undefined && finding.target.kind === 'virtual');
  const peer = peerOf(
    { ...argv, ...(isSelf ? selfAs(finding, argv) : rawAs(finding, argv)) },
    { address: finding.target.address, port: finding.target.udpPort },
  );
  const target = await openTarget(peer, finding.seed);
  process.stdout.write(`${finding.id} (${finding.severity}): ${finding.title}\nagainst ${peerName(peer)}:\n`);
  for (const [i, step] of finding.play.steps.entries()) process.stdout.write(`  ${i + 1}. ${stepText(step)}\n`);
  try {
    if (target instanceof LiveTarget && !(await target.answers(mixSeed(finding.seed, 43), 2 * target.patience))) {
      process.stdout.write('The peer is silent from the start: nothing can be said.\n');
      return Exit.inconclusive;
    }
    const player = new Player(target, corpusOf(finding));
    let n = 0;
    let title = '';
    let of = 0;
    while (of < TIMES) {
      of++;
      const violation = (await player.again(finding.play)).violations.find((each) => groupOf(each) === finding.group);
      if (violation !== undefined) {
        n++;
        title = violation.title;
      }
      // A peer that ended and cannot be started again gives no second try.
      if (target.death !== undefined && !target.canReset) break;
    }
    if (n === 0) process.stdout.write(`Not reproduced (0 of ${of}).\n`);
    else process.stdout.write(`Reproduced${n < of ? `, flaky: ${n} of ${of}` : ` (${n} of ${of})`}: ${title}\n`);
    return n > 0 ? Exit.fail : Exit.ok;
  } finally {
    await target.close();
  }
}

/** What was found on the reference with the UDP wrapper is played against that. */
function selfAs({ target }: Finding, argv: FuzzArguments): Partial<FuzzArguments> {
  const isWrapper = target.name === peerName({ kind: 'self', isWrapper: true, echoPort: target.udpPort });
  return { self: true, 'udp-wrapper': argv['udp-wrapper'] ?? isWrapper };
}

/** What was found over packet sockets is played over packet sockets. */
function rawAs({ target }: Finding, argv: FuzzArguments): Partial<FuzzArguments> {
  const { kind, tcpPort } = target;
  if (kind !== 'raw') return {};
  return { raw: true, 'tcp-port': argv['tcp-port'] ?? (tcpPort === undefined ? undefined : String(tcpPort)) };
}

function read(folder: string): Finding {
  try {
    const finding = readFinding(folder);
    if (!Array.isArray(finding.play?.steps)) throw new Error('it has no steps');
    return finding;
  } catch (error) {
    throw new FaultError(`${folder} is no folder of a finding: ${(error as Error).message}.`);
  }
}
