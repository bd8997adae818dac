/** The rights of a client, read from what the kernel says of a process. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { expectClientRights } from '../../../src/host/network/rights.ts';

const status = (effective: string) => `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${effective}\nCapBnd:\t0\n`;

it('takes root, and a process with the two capabilities', () => {
  expectClientRights(status('000001ffffffffff'));
  expectClientRights(status('0000000000003000'));
});

it('says what to do without them', () => {
  for (const effective of ['0000000000000000', '0000000000001000', '0000000000002000']) {
    assert.throws(() => expectClientRights(status(effective)), { code: 'RIGHTS', message: /run it with sudo/ });
  }
});
