/** A picture as numbers: colours [height, width, 3] in [0, 1], row-major from the top left. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly colours: Float32Array;
}

/** A file that is not a picture, with the reason for the reader. */
export class UnreadablePicture extends Error {
  constructor(name: string, reason: string) {
    super(`${name} cannot be used as a picture: ${reason}.`);
    this.name = "UnreadablePicture";
  }
}
