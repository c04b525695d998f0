import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { wiresharkFolders } from '../../src/cli/wireshark-folders.js';
import { skippedWithoutTshark } from '../wireshark/tshark.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-wireshark-'));
after(() => rmSync(folder, { recursive: true }));

let homes = 0;
/** A user of their own, with nothing in the way. */
function newUser(extra: Record<string, string> = {}): Record<string, string | undefined> {
  const home = join(folder, `home${homes++}`);
  mkdirSync(home);
  const { XDG_CONFIG_HOME: _, WIRESHARK_CONFIG_DIR: __, ...environment } = process.env;
  return { ...environment, HOME: home, LC_ALL: 'C.UTF-8', ...extra };
}

function run(command: string, args: readonly string[], env: Record<string, string | undefined>) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  return { code: status, out: stdout, error: stderr };
}

const mpip = (env: Record<string, string | undefined>, ...args: string[]) =>
  run(process.execPath, ['build/src/cli/mpip.js', 'wireshark', ...args], env);

test('mpip wireshark path names the plugin of this installation', () => {
  const { code, out } = mpip(process.env, 'path');
  assert.equal(code, 0);
  assert.deepEqual(readFileSync(out.trimEnd()), readFileSync('wireshark/mpip.lua'));
});

test('the folders are those that Wireshark itself names', (t) => {
  if (skippedWithoutTshark(t)) return;
  const cases = [
    newUser(),
    newUser({ XDG_CONFIG_HOME: join(folder, 'xdg') }),
    newUser({ WIRESHARK_CONFIG_DIR: join(folder, 'own') }),
    newUser({ WIRESHARK_PLUGIN_DIR: join(folder, 'all-users') }),
  ];
  const old = newUser();
  mkdirSync(join(old.HOME!, '.wireshark'));
  for (const env of [...cases, old]) {
    const said = run('tshark', ['-G', 'folders'], env).out;
    const named = (what: string) => new RegExp(`^${what}:\\s+(.*)$`, 'm').exec(said)?.[1];
    assert.deepEqual(
      wiresharkFolders(env, 'linux'),
      { configuration: named('Personal configuration'), plugins: named('Personal Lua Plugins') },
      said,
    );
  }
});

test('on Windows the folders are below the application data', () => {
  const { plugins } = wiresharkFolders({ APPDATA: '/users/a/AppData' }, 'win32');
  assert.equal(plugins, '/users/a/AppData/Wireshark/plugins');
});

test('after mpip wireshark install, tshark knows the fields, and the profile MPIP its columns and colours', (t) => {
  if (skippedWithoutTshark(t)) return;
  const env = newUser();
  const capture = 'fixtures/pcaps/linux-2015-link-down-up.pcap';
  const before = run('tshark', ['-r', capture, '-Y', 'mpip.flags == 1'], env);
  assert.notEqual(before.code, 0);
  const { code, out, error } = mpip(env, 'install');
  assert.deepEqual([code, error], [0, '']);
  assert.match(out, /^Installed: .*\/plugins\/mpip\.lua$/m);
  const args = ['-C', 'MPIP', '--color', '-r', capture];
  const shown = run('tshark', [...args, '-T', 'fields', '-e', 'mpip.flags', '-e', 'frame.coloring_rule.name'], env);
  assert.equal(shown.code, 0, shown.error);
  const rules = new Set(shown.out.split('\n').filter((line) => line !== '' && !line.startsWith('\t')));
  for (const rule of ['1\tMPIP address change', '3\tMPIP query and confirmation', '0\tMPIP data'])
    assert.ok(rules.has(rule), `${rule} in ${[...rules].join('; ')}`);
  const columns = run('tshark', ['-C', 'MPIP', '-r', capture, '-Y', 'frame.number == 11'], env);
  assert.match(columns.out, / 768 0a:01 2 2 /);
});

test('a second install updates what is ours and keeps what is not', () => {
  const env = newUser();
  const path = join(env.HOME!, '.local/lib/wireshark/plugins/mpip.lua');
  assert.equal(mpip(env, 'install').code, 0);
  assert.match(mpip(env, 'install').out, /^Up to date already: .*mpip\.lua$/m);
  writeFileSync(path, readFileSync(path, 'utf8').replace('local format', '-- an older version\nlocal format'));
  const colours = join(env.HOME!, '.config/wireshark/profiles/MPIP/colorfilters');
  writeFileSync(colours, '# of my own\n');
  const updated = mpip(env, 'install').out;
  assert.match(updated, /^Kept as it is, because it has been changed: .*colorfilters$/m);
  assert.equal(readFileSync(path, 'utf8'), readFileSync('wireshark/mpip.lua', 'utf8'));
  assert.equal(readFileSync(colours, 'utf8'), '# of my own\n');
  writeFileSync(path, 'print("a plugin of somebody else")\n');
  const refused = mpip(env, 'install');
  assert.equal(refused.code, 4);
  assert.match(refused.error, /mpip\.lua is not a plugin of mpip, so it is left alone: move it away/);
  assert.equal(readFileSync(path, 'utf8'), 'print("a plugin of somebody else")\n');
});

test('--dir puts the plugin elsewhere; what cannot be done is one sentence', () => {
  const env = newUser();
  const there = join(folder, 'deep', 'below');
  assert.equal(mpip(env, 'install', '--dir', there).code, 0);
  assert.deepEqual(readFileSync(join(there, 'mpip.lua')), readFileSync('wireshark/mpip.lua'));
  const rows: [string[], number, RegExp][] = [
    [[], 2, /mpip wireshark install, or mpip wireshark path\.$/m],
    [['remove'], 2, /Say what to do with the plugin/],
    [['path', '--dir', there], 2, /takes none/],
    [['install', '--dir', '/proc/none'], 4, /cannot be written: .*--dir\.$/m],
    [['install', '--dir', 'package.json'], 4, /cannot be written/],
  ];
  for (const [args, code, words] of rows) {
    const outcome = mpip(env, ...args);
    assert.equal(outcome.code, code, args.join(' '));
    assert.match(outcome.error, words);
    assert.equal(outcome.error.trimEnd().split('\n').length, 1);
  }
});
