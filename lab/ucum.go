package lab

import "strings"

// UCUM (https://ucum.org) names the parts of a unit with atoms. Metric ones take prefixes. The lists are those of the
// Unified Code's tables that results are measured in.
const (
	metricAtoms = ` m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv L l ar t bar u eV pc kat U [iU] [IU] cal osm eq
	m[Hg] m[H2O] B B[V] B[mV] B[uV] B[W] Np mho G Mx P St dyn erg Gal Ci R RAD REM Bd bit By [g] [e] [k] [h] g% st sb Oe `
	plainAtoms = ` % 10* 10^ [ppth] [ppm] [ppb] [pptr] [pi] min h d wk mo a a_t a_j a_g mo_s mo_j mo_g deg ' '' gon circ sph
	[in_i] [ft_i] [yd_i] [mi_i] [lb_av] [oz_av] [gr] [dr_av] [gal_us] [pt_us] [qt_us] [foz_us] [cup_us] [tbs_us] [tsp_us] [foz_br] [degF] [degR]
	[pH] [HPF] [LPF] [MET] [drp] [Ch] [diop] [p'diop] [car_m] [hnsf'U] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] [anti'Xa'U] [todd'U] [dye'U]
	[smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U]
	[FEU] [ELU] [EU] [iU] att atm [psi] [mu_0] [eps_0] [m_p] [m_e] [c] [G] [lbf_av] [Btu] [HP] [acr_us] [mesh_i] [hp_X] [hp_C] [MK'a'1'U] `
	prefixes = ` Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti `

	// obvious are atoms whose reading by syntax alone is what laboratories mean. K, G, T, C or F would be
	// kelvin, gauss, tesla, coulomb and farad, where senders mean thousands, billions, trillions and degrees.
	obvious = ` g L l mol m s min h d Pa kat U [iU] [IU] eq osm % 10* 10^ m[Hg] cal J Cel [pH] [ppm] [arb'U] [CFU] `
)

// ValidUCUM tells whether a unit is one of UCUM, case sensitive: terms of known atoms joined by . and /, with prefixes,
// exponents, annotations in braces, and parentheses.
func ValidUCUM(s string) bool {
	p := ucum{s: s}
	return s != "" && len(s) <= maxUnit && p.term(0) && p.s == ""
}

// maxUnit bounds a unit in bytes.
const maxUnit = 128

// micro writes both micro signs as UCUM does.
var micro = strings.NewReplacer("µ", "u", "μ", "u")

// obviousUnit gives the UCUM form of a unit that is one as it stands, micro signs aside; empty if it is none
// or could be taken for another.
func obviousUnit(s string) string {
	s = micro.Replace(s)
	p := ucum{s: s, strict: true}
	if s == "" || len(s) > maxUnit || !p.term(0) || p.s != "" {
		return ""
	}
	return s
}

// ucum reads a unit.
type ucum struct {
	s      string // what is left
	strict bool   // only obvious atoms
}

// term reads components joined by . and /.
func (p *ucum) term(depth int) bool {
	if depth > 8 {
		return false
	}
	p.skip("/")
	for {
		if !p.component(depth) {
			return false
		}
		if !p.skip(".") && !p.skip("/") {
			return true
		}
	}
}

func (p *ucum) skip(c string) bool {
	rest, found := strings.CutPrefix(p.s, c)
	p.s = rest
	return found
}

func (p *ucum) component(depth int) bool {
	if p.skip("(") {
		return p.term(depth+1) && p.skip(")")
	}
	if strings.HasPrefix(p.s, "{") {
		return p.annotation()
	}
	word := p.word()
	if !p.unit(word) {
		return false
	}
	if strings.HasPrefix(p.s, "{") {
		return p.annotation()
	}
	return true
}

// annotation skips text in braces.
func (p *ucum) annotation() bool {
	end := strings.IndexByte(p.s, '}')
	if end < 0 || strings.ContainsAny(p.s[1:end], "{ ") {
		return false
	}
	p.s = p.s[end+1:]
	return true
}

// word takes everything up to the end of a component; brackets may hold what ends it elsewhere.
func (p *ucum) word() string {
	bracket := false
	for i, c := range []byte(p.s) {
		switch {
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case bracket:
		case c == '.', c == '/', c == '{', c == ')', c == '(':
			w := p.s[:i]
			p.s = p.s[i:]
			return w
		}
	}
	w := p.s
	p.s = ""
	return w
}

// unit tells whether a word is a number, or an atom with prefix and exponent.
func (p *ucum) unit(w string) bool {
	if w == "" {
		return false
	}
	if digits(w) {
		return w[0] != '0'
	}
	for _, ten := range []string{"10*", "10^"} {
		if rest, ok := strings.CutPrefix(w, ten); ok {
			return rest == "" || exponent(rest)
		}
	}
	if i := strings.LastIndexByte(w, ']'); i < len(w)-1 {
		base := strings.TrimRight(w, "0123456789")
		if base != w {
			base = strings.TrimRight(base, "+-")
			if exponent(w[len(base):]) && p.atom(base) {
				return true
			}
		}
	}
	if base := strings.TrimRight(w, "0123456789"); strings.HasSuffix(base, "]") && base != w && p.atom(base) {
		return true
	}
	return p.atom(w)
}

func exponent(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && len(s) <= 2 && digits(s)
}

// atom tells whether a word is a known atom, alone or after a prefix.
func (p *ucum) atom(w string) bool {
	known := func(list, w string) bool {
		if p.strict && !listed(obvious, w) {
			return false
		}
		return listed(list, w)
	}
	if known(metricAtoms, w) || known(plainAtoms, w) {
		return true
	}
	for n := 1; n <= 2 && n < len(w); n++ {
		if listed(prefixes, w[:n]) && known(metricAtoms, w[n:]) {
			return true
		}
	}
	return false
}

// listed looks a word up in a list divided by white space.
func listed(list, w string) bool {
	if w == "" || strings.ContainsAny(w, " \t\n") {
		return false
	}
	for at := 0; ; {
		i := strings.Index(list[at:], w)
		if i < 0 {
			return false
		}
		at += i
		if white(list[at-1]) && white(list[at+len(w)]) {
			return true
		}
		at += len(w)
	}
}

func white(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

// ValidLOINC tells whether a code has the form of a LOINC code and the right check digit (modulus 10).
func ValidLOINC(code string) bool {
	number, check, ok := strings.Cut(code, "-")
	if !ok || len(check) != 1 || !digits(check) || number == "" || len(number) > 7 || !digits(number) || number[0] == '0' {
		return false
	}
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10-sum%10)%10 == int(check[0]-'0')
}
