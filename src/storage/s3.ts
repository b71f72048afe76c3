/**
 * S3 and the stores that speak like it, through the AWS SDK. Endpoint, region, credentials and profile come from where that
 * SDK looks for them: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID …, ~/.aws, the machine's role. Nothing of them is kept.
 */
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { GadoliniumError } from '../errors.js';
import type { Address } from './address.js';
import type { ObjectStore } from './store.js';

type Sdk = typeof import('@aws-sdk/client-s3');

/** From 2027 on new versions of the SDK need Node 22. */
const forThisNode = Number(process.versions.node.split('.')[0]) < 22 ? '@3.1175' : '';

/** Seconds without a byte after which an answer is given up. */
const stallSeconds = 60;

/** Statuses below 500 of requests that may be sent again as they are. */
const PASSING: readonly number[] = [408, 425, 429];

async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new GadoliniumError('no-sdk', `expected the package @aws-sdk/client-s3 for s3:// but got: ${message}`, {
      advice: `install it beside gadolinium: npm install @aws-sdk/client-s3${forThisNode}`,
    });
  }
}

/** Opens a bucket; nothing is asked of it yet. Throws `no-sdk` where the AWS SDK is not installed. */
export async function s3({ bucket, prefix }: Address): Promise<ObjectStore> {
  const sdk = await loadSdk();
  const endpoint = process.env['AWS_ENDPOINT_URL_S3'] || process.env['AWS_ENDPOINT_URL'];
  const client = new sdk.S3Client({
    // Other stores seldom have a host name for each bucket.
    ...(endpoint ? { forcePathStyle: true } : {}),
    followRegionRedirects: true,
    // Files have hashes of their own, which also hold over ranges.
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Tried again by retry.ts, which also sees bodies that break off.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 10_000, socketTimeout: stallSeconds * 1000 },
  });
  return new OpenBucket(sdk, client, bucket, prefix);
}

// Not named Bucket: the compiler (TypeScript 7.0) then takes the property of that name for the class and renames it.
class OpenBucket implements ObjectStore {
  constructor(
    private readonly sdk: Sdk,
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {}

  async size(key: string): Promise<number> {
    const { sdk, client } = this;
    const { ContentLength = 0 } = await this.#asked(key, () =>
      client.send(new sdk.HeadObjectCommand(this.#object(key))),
    );
    return ContentLength;
  }

  async whole(key: string): Promise<Uint8Array> {
    return this.#asked(key, async () => {
      const { Body } = await this.#get(key);
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    });
  }

  async *range(key: string, from: number, to: number, bytes: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const wanted = `bytes ${from}-${to - 1}/${bytes}`;
    const { Body, ContentRange = 'the whole object' } = await this.#asked(key, () =>
      this.#get(key, `bytes=${from}-${to - 1}`, signal),
    );
    const body = Body as (AsyncIterable<Uint8Array> & { destroy?(): void }) | undefined;
    try {
      if (ContentRange !== wanted) throw GadoliniumError.expected('other-size', wanted, this.#name(key), ContentRange);
      let at = from;
      for await (const chunk of body ?? []) {
        at += chunk.length;
        yield chunk;
      }
      if (at !== to) throw Object.assign(new Error(`an end at byte ${at} of ${to}`), { code: 'ECONNRESET' });
    } catch (error) {
      throw error instanceof GadoliniumError ? error : this.#error(key, error);
    } finally {
      body?.destroy?.();
    }
  }

  close(): void {
    this.client.destroy();
  }

  #get(key: string, range?: string, signal?: AbortSignal): Promise<GetObjectCommandOutput> {
    const { sdk, client } = this;
    const command = new sdk.GetObjectCommand({ ...this.#object(key), ...(range ? { Range: range } : {}) });
    return client.send(command, signal ? { abortSignal: signal } : {});
  }

  #object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }

  #name(key: string): string {
    return `s3://${this.bucket}/${this.prefix}${key}`;
  }

  async #asked<T>(key: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw this.#error(key, error);
    }
  }

  /** What the store or the SDK said, under a code that says whether to try again (retry.ts). */
  #error(key: string, error: unknown): GadoliniumError {
    const {
      name = 'Error',
      message = '',
      code,
      $metadata,
    } = error as NodeJS.ErrnoException & {
      $metadata?: { httpStatusCode?: number };
    };
    const status = $metadata?.httpStatusCode;
    const said = [name, message].filter((part, i) => part && (i === 0 || part !== name)).join(': ');
    const made = (code: string, what: string, advice: string) =>
      new GadoliniumError(code, `expected ${what} for ${this.#name(key)} but got ${said}`, { advice, cause: error });
    if (name === 'AbortError') return made('aborted', 'an answer', '');
    if (name === 'NoSuchBucket')
      return made(
        'no-bucket',
        `a bucket '${this.bucket}'`,
        'see the bucket in --data, AWS_REGION and AWS_ENDPOINT_URL',
      );
    if (name === 'NoSuchKey' || name === 'NotFound' || status === 404)
      return made('no-object', 'an object', 'upload the whole prepared folder');
    if (name === 'InvalidRange' || status === 416)
      return made('other-size', 'the bytes that dataset.json says', 'upload the whole prepared folder again');
    if (/^(CredentialsProviderError|TokenProviderError)$/.test(name))
      return made(
        'no-credentials',
        'credentials',
        'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role',
      );
    if (/region is missing|region not accepted/i.test(message))
      return made('no-region', 'a region', 'set AWS_REGION (most stores that are not Amazon take us-east-1)');
    // Broken connections have codes of the system; the SDK's own clocks say TimeoutError.
    const broken = status === undefined && (/^E[A-Z_]+$/.test(code ?? '') || name === 'TimeoutError');
    if (
      broken ||
      (status !== undefined && (status >= 500 || PASSING.includes(status) || name === 'RequestTimeTooSkewed'))
    )
      return made('no-answer', 'an answer', 'see the network and AWS_ENDPOINT_URL, then run the same command again');
    if (status === 401 || status === 403)
      return made(
        'refused',
        'leave to read',
        'see the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE), their right to GetObject, and the spelling of the prefix: stores refuse what they do not list',
      );
    return made('refused', 'an answer', 'see AWS_ENDPOINT_URL and AWS_REGION');
  }
}
