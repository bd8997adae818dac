/** From YAML text to the root of its settings. Syntax errors are told in our own words: the parser's quote the file, secrets and all. */
import { type Document, isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import { type Item, Report } from './report.ts';

/** Characters; a configuration with thousands of groups stays far below. */
export const MAX_FILE_LENGTH = 1 << 20;

/** Reads `text`; without a root, the report says why. */
export function parseYaml(text: string): { root: Item | undefined; report: Report } {
  const lines = new LineCounter();
  const tooLong = text.length > MAX_FILE_LENGTH;
  const { document, twice = [] } = (tooLong ? undefined : parse(text, lines)) ?? {};
  const report = new Report(lines, document);
  if (tooLong) report.error(WHOLE_FILE, `the file is longer than ${MAX_FILE_LENGTH} characters`);
  else if (!document) report.error(WHOLE_FILE, 'the file is nested too deeply');
  for (const error of [...(document?.errors ?? []), ...(document?.warnings ?? [])]) {
    report.error({ path: '', offset: error.pos[0] }, syntaxError(error));
  }
  for (const offset of twice) report.error({ path: '', offset }, 'this key is there twice');
  if (!document || report.failed) return { root: undefined, report };
  const node = document.contents;
  return { root: { path: '', node, offset: node?.range?.[0] ?? 0 }, report };
}

const WHOLE_FILE = { path: '', offset: 0 };

function parse(text: string, lineCounter: LineCounter): { document: Document; twice: readonly number[] } | undefined {
  // its own look for keys that are there twice holds each against all before it: of many thousands that takes minutes
  const options = {
    lineCounter,
    prettyErrors: false,
    logLevel: 'error',
    stringKeys: false,
    uniqueKeys: false,
  } as const;
  try {
    const document = parseDocument(text, options) as Document;
    return { document, twice: keysThereTwice(document) };
  } catch (error) {
    // The parser recurses once a level of nesting.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Where they stand the second time. */
function keysThereTwice(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) offsets.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return offsets;
}

/** By the parser's error codes. */
const SYNTAX_ERRORS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*name) without its anchor (&name)',
  BAD_DIRECTIVE: 'a directive that YAML does not know',
  BAD_DQ_ESCAPE: 'a backslash sequence that YAML does not know; single quotes take backslashes as they are',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'a value that starts with a character reserved by YAML; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a nested map on one line; put it on a line of its own or in braces',
  BLOCK_IN_FLOW: 'an indented block inside brackets or braces',
  MISSING_CHAR: 'a character is missing: a colon, a comma, a quote or a closing bracket',
  MULTILINE_IMPLICIT_KEY: 'a key that goes over several lines',
  MULTIPLE_DOCS: 'a second document (---); one file holds one configuration',
  TAB_AS_INDENT: 'a tab in the indentation; YAML wants spaces',
  TAG_RESOLVE_FAILED: 'a tag (!name) that YAML does not know',
  UNEXPECTED_TOKEN: 'not valid YAML here',
};

function syntaxError(error: YAMLError): string {
  return SYNTAX_ERRORS[error.code] ?? `not valid YAML (${error.code})`;
}
