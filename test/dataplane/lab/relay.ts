/** A plain TCP relay: takes connections on port 10000 and passes bytes on to 10000 of the address it is given, as they come. */
import { connect, createServer } from 'node:net';

const [target = ''] = process.argv.slice(2);
createServer((inside) => {
  const outside = connect(10_000, target);
  for (const [from, to] of [
    [inside, outside],
    [outside, inside],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
  }
}).listen(10_000, () => process.stdout.write('listening\n'));
