// What clipping by norm multiplies all gradients of a member by. Squares of gradients may overflow: then they are summed in SMALL_UNIT.

const SMALL_UNIT = 0x1p-64f;

var<private> clipScale = 1.0;
