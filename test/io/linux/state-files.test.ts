import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostError } from '../../../src/io/linux/libc.js';
import { RUN_FOLDER, withHostLock } from '../../../src/io/linux/state-files.js';

const skip = process.platform !== 'linux' || process.getuid?.() !== 0 ? `${RUN_FOLDER} belongs to root.` : false;

test('who waits in vain for another process that changes the host is told which, and what to do', { skip }, () => {
  const inner = () => withHostLock(() => assert.fail('both at once'), 60);
  assert.throws(
    () => withHostLock(inner),
    (error) =>
      error instanceof HostError &&
      error.code === 'EBUSY' &&
      new RegExp(`^Process ${process.pid} has been changing this host for 0\\.06 s \\(it holds .*lock\\); look`).test(
        error.message,
      ),
  );
  assert.equal(
    withHostLock(() => 7),
    7,
    'it is free again',
  );
});
