// Package chaos breaks networks of real gateways and judges what became of the writes: a matrix of faults and operations, a long loop of
// kills, and a soak. All of them work alike. Clients write and note what they were told; the request APIs note what they did; when
// the faults are over and everything has settled, [Check] compares both with what is there in the end.
//
// [Check] is a pure function of a [History], so it is tested by itself with histories in which something is wrong.
package chaos
