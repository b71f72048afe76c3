import { GadoliniumError } from '../errors.js';

/** A prepared folder in an object store: its files are the objects `<prefix>/<file>` of a bucket. */
export interface Address {
  /** s3://bucket/prefix, without a slash at the end. */
  readonly name: string;
  readonly bucket: string;
  /** '' or ending with a slash. */
  readonly prefix: string;
}

const BUCKET = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i;

/**
 * Reads `s3://bucket/prefix`; undefined for what is a path. Throws `bad-option` for an address of another kind or without a
 * bucket.
 */
export function addressOf(data: string): Address | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(data)?.[1];
  if (scheme === undefined) return undefined;
  const [bucket = '', ...path] = data.slice(scheme.length + 3).split('/');
  const key = path.filter((part) => part !== '').join('/');
  if (scheme.toLowerCase() === 's3' && BUCKET.test(bucket))
    return { name: `s3://${bucket}${key && `/${key}`}`, bucket, prefix: key && `${key}/` };
  throw GadoliniumError.expected(
    'bad-option',
    'a folder or s3://bucket/prefix',
    '--data',
    // What stands before an @ may be a secret.
    data.includes('@') ? `an address of ${scheme} with an @` : data,
    'credentials and the endpoint come from the environment or the profile, as for any program of the AWS SDK',
  );
}
