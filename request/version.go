package request

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Site is the name of a place with one request API and one gateway.
type Site string

// Epoch is one reign of one owner. The site is part of its name, so two sites can never write in the same epoch.
type Epoch struct {
	Num  uint64
	Site Site
}

// Compare orders epochs by number, then by site.
func (e Epoch) Compare(f Epoch) int {
	return cmp.Or(cmp.Compare(e.Num, f.Num), cmp.Compare(e.Site, f.Site))
}

// String is "NUMBER@SITE", "" for none.
func (e Epoch) String() string {
	if e == (Epoch{}) {
		return ""
	}
	return strconv.FormatUint(e.Num, 10) + "@" + string(e.Site)
}

// MarshalText is String.
func (e Epoch) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText is the inverse of MarshalText. Numbers are limited to 2^48.
func (e *Epoch) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*e = Epoch{}
		return nil
	}
	num, site, ok := strings.Cut(string(b), "@")
	n, err := strconv.ParseUint(num, 10, 48)
	if !ok || err != nil || site == "" {
		return fmt.Errorf("epoch %q: want NUMBER@SITE", b)
	}
	*e = Epoch{n, Site(site)}
	return nil
}

// Version counts the recorded writes of a request: Seq within Epoch. The zero Version is older than any other.
type Version struct {
	Epoch Epoch
	Seq   uint64
}

// First is the version of a request just created at site.
func First(site Site) Version { return Version{Epoch{1, site}, 1} }

// Next is the version after one more write in the same epoch.
func (v Version) Next() Version { v.Seq++; return v }

// IsZero reports whether v is no version at all.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders versions left to right: epoch number, epoch site, sequence.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.Epoch.Compare(w.Epoch), cmp.Compare(v.Seq, w.Seq))
}

// After reports whether v is newer than w.
func (v Version) After(w Version) bool { return v.Compare(w) > 0 }

// String is the form shown to clients, "EPOCH.SEQUENCE"; the owner is shown beside it.
func (v Version) String() string {
	return strconv.FormatUint(v.Epoch.Num, 10) + "." + strconv.FormatUint(v.Seq, 10)
}

// Mark is the whole version, "EPOCH@SITE.SEQUENCE", as it is stored and sent between gateways; "" for the zero Version.
func (v Version) Mark() string {
	if v.IsZero() {
		return ""
	}
	return strconv.FormatUint(v.Epoch.Num, 10) + "@" + string(v.Epoch.Site) + "." + strconv.FormatUint(v.Seq, 10)
}

// ParseMark is the inverse of Mark. Sequences are limited to 2^48, so that a hostile one cannot make the next overflow.
func ParseMark(s string) (Version, error) {
	if s == "" {
		return Version{}, nil
	}
	at, dot := strings.IndexByte(s, '@'), strings.LastIndexByte(s, '.')
	if at < 1 || dot <= at+1 {
		return Version{}, fmt.Errorf("version %q: want EPOCH@SITE.SEQUENCE", s)
	}
	num, err1 := strconv.ParseUint(s[:at], 10, 48)
	seq, err2 := strconv.ParseUint(s[dot+1:], 10, 48)
	if err1 != nil || err2 != nil {
		return Version{}, fmt.Errorf("version %q: epoch and sequence are numbers below 2^48", s)
	}
	return Version{Epoch{num, Site(s[at+1 : dot])}, seq}, nil
}

// MarshalText is Mark.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.Mark()), nil }

// UnmarshalText is ParseMark.
func (v *Version) UnmarshalText(b []byte) (err error) {
	*v, err = ParseMark(string(b))
	return err
}
