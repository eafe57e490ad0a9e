package fold_test

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong/internal/fold"
)

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"NGUYEN^VAN AN":      "nguyen van an",
		"Nguyễn^Văn  Đức^^ ": "nguyen van duc",
		norm.NFD.String("Nguyễn^Thị Phượng"): "nguyen thi phuong",
		"ĐẶNG^ƯƠNG":            "dang uong",
		"Äneas^Rüdiger":        "aneas rudiger",
		"Strauß^Øyvind=Łukasz": "strauss oyvind lukasz",
		"Yamada^Tarou=山田^太郎=やまだ^たろう": "yamada tarou 山田 太郎 やまだ たろう",
		"ﾔﾏﾀﾞ^ﾀﾛｳ":                   "ヤマダ タロウ",
		"ＷＡＮＧ":                       "wang",
		"김^희중":                       "김 희중",
		"ΔΙΟΝΥΣΙΟΣ":                  "διονυσιοσ",
		"Διονύσιος":                  "διονυσιοσ",
		"Алёна":                      "алена",
		"สมชาย":                      "สมชาย",
		"İbrahim":                    "ibrahim",
		"\xff^a":                     "a",
	} {
		if got := fold.Name(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("Nguyễn^Văn Đức=ﾔﾏ İ\xff")
	f.Fuzz(func(t *testing.T, s string) {
		once := fold.Name(s)
		if !utf8.ValidString(once) {
			t.Errorf("not UTF-8: %q", once)
		}
		if twice := fold.Name(once); twice != once {
			t.Errorf("%q, folded again %q", once, twice)
		}
	})
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		fold.Name("Nguyễn^Văn Đức")
	}
}
