package redis

import (
	_ "embed"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

//go:embed lua/common.lua
var commonLua string

//go:embed lua/commit.lua
var commitLua string

//go:embed lua/look.lua
var lookLua string

//go:embed lua/claim.lua
var claimLua string

//go:embed lua/settle.lua
var settleLua string

//go:embed lua/link.lua
var linkLua string

//go:embed lua/note.lua
var noteLua string

//go:embed lua/restore.lua
var restoreLua string

//go:embed lua/older.lua
var olderLua string

// script is one script with its digest. It runs by digest, and by text where the server does not know it yet.
type script struct{ text, sha string }

func newScript(text string) script {
	text = fmt.Sprintf("local HELD, INDEPENDENT, REMOVE, RING = %q, %q, %q, %d\n", store.Held, request.Independent, request.Remove, ring) + commonLua + "\n" + text
	return script{text, goredis.NewScript(text).Hash()}
}

// scripts are all that the store runs; each file says what it takes and answers.
type scripts struct{ commit, look, claim, settle, link, older, note, restore script }

func newScripts() scripts {
	return scripts{newScript(commitLua), newScript(lookLua), newScript(claimLua), newScript(settleLua), newScript(linkLua), newScript(olderLua),
		newScript(noteLua), newScript(restoreLua)}
}
