import { expect, test } from 'vitest';
import { addressOf } from '../../../src/storage/address.js';

test.each([
  ['s3://bucket/data/vqa-rad', { name: 's3://bucket/data/vqa-rad', bucket: 'bucket', prefix: 'data/vqa-rad/' }],
  ['s3://bucket/data//vqa-rad/', { name: 's3://bucket/data/vqa-rad', bucket: 'bucket', prefix: 'data/vqa-rad/' }],
  ['S3://my.bucket-1', { name: 's3://my.bucket-1', bucket: 'my.bucket-1', prefix: '' }],
])('%s', (data, address) => expect(addressOf(data)).toEqual(address));

test.each(['data/vqa-rad', '/data', './s3:', 'C:\\data'])('%s is a path', (path) =>
  expect(addressOf(path)).toBeUndefined(),
);

test.each(['gs://bucket/x', 'https://host/x', 's3://', 's3:///x', 's3://a b/x'])('%s is refused', (data) =>
  expect(() => addressOf(data)).toThrow(/expected a folder or s3:\/\/bucket\/prefix for --data but got/),
);

test('a secret in an address is not repeated', () => {
  expect(() => addressOf('s3://KEY:verysecret@bucket/x')).toThrow(/^(?!.*verysecret).*with an @/);
});
