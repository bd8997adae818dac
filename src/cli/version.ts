/** sallyport --version */
import { VERSION } from '../host/version.ts';

export async function run(): Promise<number> {
  console.log(`sallyport ${VERSION}`);
  return 0;
}
