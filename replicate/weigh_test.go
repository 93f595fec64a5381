package replicate

import (
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// ver is a version, "2@chicago.5".
func ver(t *testing.T, mark string) request.Version {
	t.Helper()
	if mark == "" {
		return request.Version{}
	}
	v, err := request.ParseMark(mark)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What a site is to a request, by its ledger (or the stamp in its record) and by what the others say. This site is sf.
func TestWeigh(t *testing.T) {
	t.Parallel()
	type says struct {
		site, owner request.Site
		role        request.Role
		version     string
		grant       bool
	}
	for name, x := range map[string]struct {
		role    request.Role // "": not known here
		owner   request.Site
		version string
		views   []says
		want    finding
	}{
		"nobody knows it":                                         {want: stands},
		"it is owned elsewhere":                                   {views: []says{{"chicago", "chicago", request.Owner, "1@chicago.3", false}}, want: follows},
		"others hold it for us":                                   {views: []says{{"chicago", "sf", request.Copy, "1@sf.3", false}}, want: mineAgain},
		"the record says that it is ours":                         {request.Copy, "sf", "1@sf.3", nil, mineAgain},
		"the ledger says so, and the others":                      {request.Owner, "sf", "1@sf.3", nil, stands},
		"the ledger says so, and somebody is further":             {request.Owner, "sf", "1@sf.3", []says{{"chicago", "sf", request.Copy, "1@sf.4", false}}, mineAgain},
		"we gave it away and forgot":                              {request.Owner, "sf", "1@sf.3", []says{{"chicago", "chicago", request.Owner, "2@chicago.0", false}}, follows},
		"it was given to us, and we did not take it":              {request.Copy, "chicago", "1@chicago.3", []says{{"chicago", "chicago", request.Granting, "1@chicago.4", true}}, follows},
		"it was given to us, and the record says that we took it": {request.Copy, "sf", "2@sf.1", []says{{"chicago", "chicago", request.Granting, "1@chicago.4", true}}, mineAgain},
		"a copy has not heard that it is not ours any more": {request.Copy, "sf", "1@sf.3",
			[]says{{"chicago", "chicago", request.Copy, "2@chicago.1", false}, {"paris", "sf", request.Copy, "1@sf.3", false}}, stands},
		"a copy that we do not know has not heard it either": {views: []says{{"chicago", "chicago", request.Copy, "2@chicago.1", false},
			{"paris", "sf", request.Copy, "1@sf.3", false}}, want: follows},
		"somebody heard of its deletion":              {request.Copy, "chicago", "1@chicago.1", []says{{"paris", "chicago", request.Tombstone, "1@chicago.2", false}}, follows},
		"somebody heard that we deleted it":           {views: []says{{"paris", "sf", request.Tombstone, "1@sf.2", false}}, want: deleted},
		"it is deleted here":                          {request.Tombstone, "sf", "1@sf.2", []says{{"paris", "sf", request.Copy, "1@sf.1", false}}, stands},
		"nobody knows an owner, we are not the first": {request.Copy, "", "", []says{{"chicago", "", request.Copy, "", false}}, stands},
		"nobody knows an owner, we are the first":     {request.Copy, "", "", []says{{"tokyo", "", request.Copy, "", false}}, mineAgain},
		"a hand-over is under way":                    {request.Elect, "chicago", "1@chicago.3", []says{{"chicago", "chicago", request.Granting, "1@chicago.3", true}}, stands},
		"we are giving it away":                       {request.Granting, "chicago", "1@sf.3", []says{{"chicago", "sf", request.Copy, "1@sf.3", false}}, stands},
		"the copy is as new as its owner says":        {request.Copy, "chicago", "1@chicago.3", []says{{"chicago", "chicago", request.Owner, "1@chicago.3", false}}, stands},
		"the copy is older":                           {request.Copy, "chicago", "1@chicago.2", []says{{"chicago", "chicago", request.Owner, "1@chicago.3", false}}, follows},
	} {
		t.Run(name, func(t *testing.T) {
			e := request.Entry{Role: x.role, Owner: x.owner, Version: ver(t, x.version), Local: "7"}
			e.Fence = e.Version.Epoch
			if x.role == request.Elect || x.role == request.Granting {
				e.Fence.Num++
			}
			var views []request.View
			for _, s := range x.views {
				v := request.View{Site: s.site, Role: s.role, Snapshot: request.Snapshot{Owner: s.owner, Version: ver(t, s.version),
					Deleted: s.role == request.Tombstone, Locals: map[request.Site]string{s.site: "8"}}}
				v.Fence = v.Snapshot.Version.Epoch
				if s.grant {
					v.Grant = request.Epoch{Num: v.Fence.Num + 1, Site: "sf"}
				}
				views = append(views, v)
			}
			if got := weigh("sf", &e, x.role != "", views); got.verdict != x.want {
				t.Errorf("verdict %d, want %d", got.verdict, x.want)
			}
		})
	}
}
