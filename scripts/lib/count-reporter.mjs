// A reporter of node's test runner that writes one JSON object: how many tests passed, and which failed or were skipped.

/** @param {AsyncIterable<{type: string, data: any}>} source events of the runner */
export default async function* countReporter(source) {
  let passed = 0;
  const failed = [];
  const skipped = [];
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    const reason = data.skip ?? data.todo;
    if (reason !== undefined && reason !== false)
      skipped.push({ name: data.name, reason: typeof reason === 'string' ? reason : 'no reason given' });
    else if (type === 'test:pass') passed++;
    else failed.push({ name: data.name, file: data.file });
  }
  yield JSON.stringify({ passed, failed, skipped });
}
