import type { Conversations } from './conversations.js';
import { conversationsText } from './conversations-text.js';
import type { Paint } from './paint.js';

/** How conversations are printed. */
export const CONVERSATION_FORMATS = ['text', 'json', 'ndjson'] as const;

/** One of {@link CONVERSATION_FORMATS}. */
export type ConversationFormat = (typeof CONVERSATION_FORMATS)[number];

/**
 * The report in a format, in pieces that are never all in memory.
 * @param files names of the captures, for programs
 */
export function conversationsOutput(
  conversations: Conversations,
  format: ConversationFormat,
  files: readonly string[],
  paint: Paint,
): Generator<string> {
  switch (format) {
    case 'text':
      return conversationsText(conversations, paint);
    case 'json':
      return jsonPieces(conversations, files);
    case 'ndjson':
      return ndjsonPieces(conversations, files);
  }
}

function* ndjsonPieces(conversations: Conversations, files: readonly string[]): Generator<string> {
  const line = (type: string, value: object) => `${JSON.stringify({ type, ...value })}\n`;
  yield line('capture', { files, ...conversations.capture() });
  for (const node of conversations.nodes()) yield line('node', node);
  for (const handshake of conversations.handshakes()) yield line('handshake', handshake);
  for (const session of conversations.sessions()) yield line('session', session);
  for (const event of conversations.events()) yield line('event', event);
  for (const pair of conversations.pairs) yield line('pair', pair);
}

function* jsonPieces(conversations: Conversations, files: readonly string[]): Generator<string> {
  const head = JSON.stringify({ files, ...conversations.capture() }, null, 2);
  yield head.slice(0, -2);
  const lists: [string, Iterable<object>][] = [
    ['nodes', conversations.nodes()],
    ['handshakes', conversations.handshakes()],
    ['sessions', conversations.sessions()],
    ['events', conversations.events()],
    ['pairs', conversations.pairs],
  ];
  for (const [name, list] of lists) {
    yield `,\n  "${name}": [`;
    let separator = '\n    ';
    for (const item of list) {
      yield separator + JSON.stringify(item);
      separator = ',\n    ';
    }
    yield separator.startsWith(',') ? '\n  ]' : ']';
  }
  yield '\n}\n';
}
