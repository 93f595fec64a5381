// The one function of bcryptprimitives.dll that Go programs ask for when they start. Wine before 9 has no such file; `make wine` gives it
// this one.
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE into, SIZE_T n)
{
	const ULONG most = 1 << 16;

	for (; n > most; into += most, n -= most)
		if (!SystemFunction036(into, most))
			return FALSE;
	return SystemFunction036(into, (ULONG)n);
}
