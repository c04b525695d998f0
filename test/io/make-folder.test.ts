import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../src/io/make-folder.js';

test('a folder is made with those above it; one that exists is left alone', () => {
  const top = mkdtempSync(join(tmpdir(), 'mpip-folder-'));
  try {
    makeFolder(join(top, 'a/b/c'));
    makeFolder(join(top, 'a/b/c'));
    assert.ok(existsSync(join(top, 'a/b/c')));
    writeFileSync(join(top, 'file'), '');
    assert.throws(() => makeFolder(join(top, 'file/x')), /ENOTDIR|EEXIST/);
  } finally {
    rmSync(top, { recursive: true });
  }
});

test('where no folder can be made the error comes at once', {
  skip: !existsSync('/proc/self') && 'there is no /proc',
}, () => {
  assert.throws(() => makeFolder('/proc/mpip-no-such/x'), /ENOENT/);
});
