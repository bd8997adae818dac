/** A strict reader of Prometheus' text format, as far as ours goes: HELP, TYPE, then the samples of that family. */
import assert from 'node:assert/strict';

/** Values by name with labels, as written. */
export function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = '';
  assert.ok(text.endsWith('\n'));
  const lines = text.split('\n').slice(0, -1);
  for (const [i, line] of lines.entries()) {
    const help = /^# HELP ([a-z_]+) \S.*$/.exec(line);
    const type = /^# TYPE ([a-z_]+) (counter|gauge)$/.exec(line);
    const sample = /^([a-z_]+)(\{[a-z_]+="[\w.-]*"(?:,[a-z_]+="[\w.-]*")*\})? (\d+(?:\.\d+)?(?:e[+-]\d+)?)$/.exec(line);
    if (help) {
      family = help[1]!;
      assert.ok(!families.has(family), `${family} twice`);
      families.add(family);
      assert.match(lines[i + 1]!, new RegExp(`^# TYPE ${family} `));
    } else if (type) {
      assert.equal(type[1], family);
      assert.equal(type[2] === 'counter', family.endsWith('_total'), `${family} is named for its type`);
    } else {
      assert.ok(sample, `not a sample: ${line}`);
      assert.equal(sample[1], family);
      const name = `${sample[1]}${sample[2] ?? ''}`;
      assert.ok(!samples.has(name), `${name} twice`);
      samples.set(name, Number(sample[3]));
    }
  }
  return samples;
}
