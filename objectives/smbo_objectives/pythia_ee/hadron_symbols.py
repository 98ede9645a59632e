"""Symbols of hadrons, by the names of the PDG table."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SYMBOLS"]

SYMBOLS: Mapping[str, str] = {
    "PiPlus": r"$\pi^\pm$",
    "Pi0": r"$\pi^0$",
    "KPlus": r"$K^\pm$",
    "K0": r"$K^0$",
    "Eta": r"$\eta$",
    "EtaPrime": r"$\eta'$",
    "Rho770_0": r"$\rho^0$",
    "Omega782": r"$\omega$",
    "KStar892Plus": r"$K^{*\pm}$",
    "KStar892_0": r"$K^{*0}$",
    "Phi1020": r"$\phi$",
    "P": r"$p$",
    "Lambda": r"$\Lambda$",
    "SigmaPlusMinus": r"$\Sigma^\pm$",
    "Sigma0": r"$\Sigma^0$",
    "XiMinus": r"$\Xi^-$",
    "Delta1232PlusPlus": r"$\Delta^{++}$",
    "Sigma1385PlusMinus": r"$\Sigma(1385)^\pm$",
    "Xi1530_0": r"$\Xi(1530)^0$",
    "OmegaMinus": r"$\Omega^-$",
}
