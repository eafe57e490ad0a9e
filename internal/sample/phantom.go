package sample

import "math"

// ellipsoid is a part of the phantom: centre and half axes in millimetres,
// x to the patient's left, y to the back, z to the head (PS3.3 C.7.6.2.1.1).
type ellipsoid struct {
	x, y, z    float64
	a, b, c    float64
	hounsfield float64
}

// thorax is a crude chest; later parts lie over earlier ones.
var thorax = []ellipsoid{
	{0, 0, 0, 165, 115, 400, 40},       // soft tissue
	{0, 0, 0, 155, 105, 390, -90},      // fat under the skin …
	{0, 0, 0, 148, 98, 380, 45},        // … and muscle below it
	{-75, 0, 0, 58, 78, 130, -820},     // right lung
	{75, 0, 0, 56, 78, 130, -820},      // left lung
	{22, -30, -40, 52, 44, 62, 50},     // heart
	{0, -10, 60, 18, 14, 90, 55},       // mediastinum
	{12, 38, 0, 12, 12, 400, 160},      // aorta with contrast
	{0, 66, 0, 19, 17, 400, 420},       // vertebrae
	{0, 86, 0, 9, 12, 400, 30},         // spinal canal
	{0, -92, 20, 16, 7, 80, 380},       // sternum
	{-60, 30, -150, 95, 70, 70, 70},    // liver's dome
	{-78, -8, 18, 9, 9, 9, 35},         // a nodule in the right lung
	{-104, 30, 40, 3.5, 3.5, 3.5, 300}, // a calcified one
}

// at gives the phantom's value in Hounsfield units.
func at(x, y, z float64) float64 {
	value := -1000.0
	for _, e := range thorax {
		dx, dy, dz := (x-e.x)/e.a, (y-e.y)/e.b, (z-e.z)/e.c
		if dx*dx+dy*dy+dz*dz <= 1 {
			value = e.hounsfield
		}
	}
	return value + ribs(x, y, z, value)
}

// ribs are bright where a shell around the lungs is cut by tilted planes.
func ribs(x, y, z, below float64) float64 {
	dx, dy := x/146, y/98
	r := math.Sqrt(dx*dx + dy*dy)
	if r < 0.9 || r > 0.99 || below < -500 {
		return 0
	}
	if phase := math.Mod(math.Abs(z+0.5*y+1000), 26); phase < 9 {
		return 430
	}
	return 0
}

// noise is a small, repeatable disturbance between -1 and 1.
type noise uint32

func (n *noise) next() float64 {
	v := *n
	v ^= v << 13
	v ^= v >> 17
	v ^= v << 5
	*n = v
	return float64(int32(v)) / (1 << 31)
}

// put16 writes a value as 16 bits little endian, bounded to 0…top.
func put16(b []byte, v float64, top int) {
	i := int(math.Round(v))
	i = max(0, min(i, top))
	b[0], b[1] = byte(i), byte(i>>8)
}
