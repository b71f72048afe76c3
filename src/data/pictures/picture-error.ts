/** Why a picture could not be used; `code` is the reason counted in dataset.json. */
export class PictureError extends Error {
  constructor(
    readonly code:
      | 'missing_image'
      | 'not_an_image'
      | 'truncated_image'
      | 'too_many_pixels'
      | 'unsupported_image'
      | 'part_outside_image',
    message: string,
  ) {
    super(message);
  }
}
