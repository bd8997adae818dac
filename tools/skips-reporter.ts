/** A reporter for node --test that keeps the skipped tests, one line of JSON each. */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

export interface Skip {
  readonly file: string;
  readonly name: string;
  /** Why, and what would let it run. */
  readonly reason: string;
}

export default async function* skips(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.skip === undefined || data.skip === false) continue;
    const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'gives no reason';
    yield `${JSON.stringify({ file: relative(process.cwd(), data.file ?? ''), name: data.name, reason })}\n`;
  }
}
