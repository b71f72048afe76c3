/** Age and sex as releases write them. */

/** DICOM's age string: 063Y, 018M, 003W, 021D. */
const DICOM_AGE = /^(\d{1,3})([DWMY])$/;
const YEARS_OF = { D: 1 / 365.25, W: 7 / 365.25, M: 1 / 12, Y: 1 };
/** More is a slip of the pen, and releases have such. */
const OLDEST = 120;

/** Years, cut to whole ones; undefined for what is no age of a person. */
export function ageOf(text: string): number | undefined {
  const dicom = DICOM_AGE.exec(text.trim());
  const years = dicom
    ? Number(dicom[1]) * YEARS_OF[dicom[2] as keyof typeof YEARS_OF]
    : /^\d+(?:\.\d+)?$/.test(text.trim())
      ? Number(text)
      : Number.NaN;
  return years >= 0 && years <= OLDEST ? Math.floor(years) : undefined;
}

/** female, male, or the release's own word. */
export function sexOf(text: string): string {
  const word = text.trim().toLowerCase();
  if (word === 'f' || word === 'female') return 'female';
  if (word === 'm' || word === 'male') return 'male';
  return word;
}

export const isAge = (key: string) => /^(?:patient[ _]?)?age$/i.test(key);
export const isSex = (key: string) => /^(?:patient[ _]?)?(?:sex|gender)$/i.test(key);
