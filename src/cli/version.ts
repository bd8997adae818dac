/** sallyport --version */
import { VERSION } from '../gateway/version.ts';

export async function run(): Promise<number> {
  console.log(`sallyport ${VERSION}`);
  return 0;
}
