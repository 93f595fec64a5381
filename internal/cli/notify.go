package cli

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/gateway"
)

// notify tells the service manager that asked for it (sd_notify) how the process is.
func notify(state string) {
	addr := os.Getenv("NOTIFY_SOCKET")
	if addr == "" {
		return
	}
	conn, err := net.Dial("unixgram", addr) // which also knows the abstract addresses that begin with @
	if err != nil {
		return // the manager will notice by itself that nothing was said
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}

// reloading tells that the network file is being taken; READY=1 ends it. systemd wants the time of its monotonic clock with it.
func reloading() {
	text := "RELOADING=1\nSTATUS=taking the network file again"
	if usec := monotonic(); usec > 0 {
		text += "\nMONOTONIC_USEC=" + strconv.FormatInt(usec, 10)
	}
	notify(text)
}

// statusEvery is how often the line of health is told where there is no watchdog.
const statusEvery = 15 * time.Second

// watchdog is how often the service manager wants a sign of life, half of what it asks for as it recommends; 0 is never.
func watchdog() time.Duration {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return 0
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

// supervised says that the gateways are ready, and from then on how they are, until ctx ends; the channel is closed when it has ended.
// A sign of life is given only while all gateways of the process are alive themselves.
func (s *serving) supervised(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	if os.Getenv("NOTIFY_SOCKET") == "" {
		close(done)
		return done
	}
	notify("READY=1\nSTATUS=" + s.standing(ctx))
	every := watchdog()
	go func() {
		defer close(done)
		pause := every
		if pause == 0 {
			pause = statusEvery
		}
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			s.sign(ctx, pause, every > 0)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return done
}

// sign gives one sign of life, when there is life, and the line of health.
func (s *serving) sign(ctx context.Context, within time.Duration, wanted bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for _, a := range s.apps {
		err := a.Alive(ctx)
		if ctx.Err() == context.Canceled {
			return
		}
		if err != nil {
			s.log.Error("no sign of life is given to the service manager", zap.Error(err))
			notify("STATUS=not alive: " + oneLine(err.Error()))
			return
		}
	}
	if wanted {
		notify("WATCHDOG=1")
	}
	notify("STATUS=" + s.standing(ctx))
}

// standing is the health of the gateways in one line, such as "chicago ok; tokyo degraded: oslo is down, 3 owed".
func (s *serving) standing(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var sites []string
	for _, a := range s.apps {
		f, err := a.Forwarding(ctx)
		if err != nil {
			sites = append(sites, "health is not known: "+err.Error())
			continue
		}
		sites = append(sites, inOneLine(f))
	}
	return oneLine(strings.Join(sites, "; "))
}

func inOneLine(f gateway.Forwarding) string {
	text := string(f.Site) + " " + f.State
	var why []string
	for _, d := range f.Destinations {
		owed := d.Pending + d.InFlight + d.Waiting
		switch {
		case d.State != gateway.OK:
			why = append(why, string(d.Site)+" is "+d.State+", "+strconv.Itoa(owed)+" owed")
		case owed > 0:
			why = append(why, strconv.Itoa(owed)+" owed to "+string(d.Site))
		}
		if d.Parked > 0 {
			why = append(why, strconv.Itoa(d.Parked)+" parked for "+string(d.Site))
		}
	}
	if why = append(why, f.Problems...); len(why) > 0 {
		text += ": " + strings.Join(why, ", ")
	}
	return text
}

// mostStatus is the length of a line of health: systemctl status shows it in one.
const mostStatus = 300

func oneLine(s string) string {
	s = printable(s, false)
	if r := []rune(s); len(r) > mostStatus {
		s = string(r[:mostStatus-1]) + "…"
	}
	return s
}
