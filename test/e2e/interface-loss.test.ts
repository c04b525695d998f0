import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { type LiveNode, until, withPair } from '../support/live-pair.js';
import { SSH_COMMANDS, SshServer, SshSession } from '../support/ssh.js';

const PAGE = 200_000;

let server: SshServer;

/** The address pairs of the paths of the one TCP session. */
async function pairs(node: LiveNode): Promise<string[]> {
  const { paths } = await node.status();
  return paths.map(({ tuple }) => `${tuple.source}>${tuple.destination}`);
}

describeInLab(
  'an ssh session outlives the interfaces that it began with',
  {
    commands: SSH_COMMANDS,
    prepare: async (lab) => {
      server = new SshServer(lab);
      await server.start();
    },
  },
  (suite) => {
    after(() => server?.close());

    for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
      test(`with --${mode}`, async () => {
        const { lab } = suite;
        await withPair(lab, { mode }, async ({ a, b }) => {
          await captured(lab, `interface-loss-${mode}`, async () => {
            const session = new SshSession(lab, server);
            await session.say('hello');
            await until('the session has all four paths', async () => {
              await session.say('one more line');
              return (await pairs(a)).length === 4 && (await pairs(b)).length === 4;
            });
            for (const [device, node] of [
              ['a1', a],
              ['b1', b],
            ] as const) {
              lab.linkDown(device);
              await session.say(`without ${device}`);
              await session.say(`much without ${device} `, PAGE);
              lab.linkUp(device);
              await until('the node has the address again', async () => (await node.status()).addresses.length === 2);
              await session.say(`with ${device} again`);
              await session.say(`much with ${device} again `, PAGE);
              await until('all four paths are back', async () => {
                await session.say('one more line');
                return (await pairs(a)).length === 4 && (await pairs(b)).length === 4;
              });
            }
            assert.equal(await session.end(), 0);
          });
        });
      });
  },
);
