/** What of a peer's text reaches a terminal, by itself or inside JSON. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeControls, escapeJson, escapeLines, jsonText } from '../../src/host/escape.ts';

/** DEL and the controls of the second set, what turns the direction of writing or isn't seen, other line ends. */
const ACTING = [
  ...Array.from({ length: 0x21 }, (_, i) => String.fromCodePoint(0x7f + i)),
  ...['\u200e', '\u200f', '\u061c', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ...['\u2066', '\u2067', '\u2068', '\u2069', '\u200b', '\ufeff', '\u2028', '\u2029', '\u{e0001}'],
];
const SHOWN = 'ok é 🔑 שלום';

describe('escapeControls', () => {
  it('escapes both sets of controls and what turns text around, and nothing that shows', () => {
    for (const character of ['\n', '\u001b', ...ACTING]) assert.match(escapeControls(character), /^\\u[{}0-9a-f]+$/);
    assert.equal(escapeControls(SHOWN), SHOWN);
    assert.equal(escapeControls('a\u009b2J\u202e\u{e0001}'), 'a\\u009b2J\\u202e\\u{e0001}');
    assert.equal(escapeLines('a\u0085\nb\r'), 'a\\u0085\nb\\u000d');
  });
});

describe('JSON', () => {
  const report = { name: SHOWN, words: ['\u001b[2J\n', ...ACTING], 'key\u202e': null };

  it('means the same, and holds nothing that acts but its own line ends', () => {
    for (const json of [jsonText(report), jsonText(report, 2), escapeJson(JSON.stringify(report))]) {
      assert.deepEqual(JSON.parse(json), report);
      for (const character of ['\u001b', ...ACTING]) assert.ok(!json.includes(character), escapeControls(character));
    }
    assert.ok(jsonText(report, 2).includes('\n  "'));
    assert.equal(jsonText({ text: SHOWN }), `{"text":"${SHOWN}"}`);
  });

  it('has one escape for each half of a character beyond U+FFFF', () => {
    assert.equal(jsonText('\u{e0001}'), '"\\udb40\\udc01"');
  });
});
