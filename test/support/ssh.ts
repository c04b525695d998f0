import { type ChildProcessWithoutNullStreams, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { until } from './live-pair.js';
import type { NamespaceLab } from './namespaces.js';

const PORT = 2222;

/** Commands of {@link SshServer} and {@link SshSession}. */
export const SSH_COMMANDS = ['ssh', 'ssh-keygen', 'dropbear', 'dropbearkey'];

/** An SSH server on host B with keys of its own; nothing of the machine's own SSH is read or changed. */
export class SshServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mpip-ssh-'));

  constructor(private readonly lab: NamespaceLab) {}

  async start(): Promise<void> {
    const { lab } = this;
    const home = join(this.#folder, 'home');
    const hostKey = join(this.#folder, 'host-key');
    mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', this.userKey]);
    renameSync(`${this.userKey}.pub`, join(home, '.ssh', 'authorized_keys'));
    execFileSync('dropbearkey', ['-t', 'ed25519', '-f', hostKey], { stdio: 'ignore' });
    // `ip netns exec` gives the server mounts of its own: only it sees this home.
    const words = `mount --bind ${home} ${userInfo().homedir} && exec dropbear -F -E -s -p ${PORT} -r ${hostKey} -P /dev/null`;
    await lab.start(lab.hostB, 'sh', ['-c', words], /Not backgrounding/);
  }

  /** The file with the key of the one who may log in. */
  get userKey(): string {
    return join(this.#folder, 'user-key');
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What an unmodified `ssh` on host A shows of a program that it runs on host B and that repeats its input. */
export class SshSession {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';
  #errors = '';
  #said = 0;

  constructor(lab: NamespaceLab, server: SshServer) {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'];
    const words = ['-F', 'none', '-i', server.userKey, '-p', `${PORT}`, ...options.flatMap((option) => ['-o', option])];
    this.#child = lab.open(lab.hostA, 'ssh', [...words, `${userInfo().username}@10.77.3.2`, 'cat']);
    this.#child.stdout.on('data', (data) => (this.#output += data));
    this.#child.stderr.on('data', (data) => (this.#errors += data));
  }

  /** Types a line and waits for it to come back whole. `length`: about how many characters it has. */
  async say(words: string, length = words.length): Promise<void> {
    const line = `${++this.#said}: ${words.repeat(Math.ceil(length / words.length))}\n`;
    this.#output = '';
    this.#child.stdin.write(line);
    await until(`ssh repeats '${words}'; it says '${this.#errors}'`, () => {
      if (this.#child.exitCode !== null) throw new Error(`ssh ended: ${this.#errors}`);
      return this.#output === line;
    });
  }

  /** Ends the input, and with it the session. @returns the exit code of ssh. */
  async end(): Promise<number | null> {
    this.#child.stdin.end();
    await until('ssh ends', () => this.#child.exitCode !== null);
    return this.#child.exitCode;
  }
}
