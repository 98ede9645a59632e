#!/usr/bin/perl
# A toy parton shower: a program that reads a parameter file and writes histograms in YODA's text format.
#
#     shower.pl params.dat out.yoda [pseudo-data]
#
# Electrons and positrons at 91.2 GeV make a quark and an antiquark, which radiate soft and collinear
# gluons ordered in transverse momentum: dP = (2 C_F alphaS(kT) / pi) dkT/kT dy for |y| < ln(Q/kT), by the
# veto algorithm, with the coupling running at one loop; recoil and branching of gluons are left out.  Each gluon
# becomes Poisson-many charged hadrons, in proportion to its logarithmic phase space.  Parameters:
#
#     alphaS      coupling at the Z mass
#     cutoff      lowest transverse momentum, GeV
#     density     charged hadrons per unit of ln(kT/cutoff) + 1 of each gluon
#     events, seed
#
# With a third argument the result is written as measurements, with statistical errors and 2 % of systematics.
use strict;
use warnings;

my ($card, $out, $is_data) = @ARGV;
die "usage: shower.pl params.dat out.yoda [pseudo-data]\n" unless defined $out;

my %set;
open(my $in, '<', $card) or die "cannot read $card: $!\n";
while (my $line = <$in>) {
    $line =~ s/#.*//;
    next unless $line =~ /\S/;
    my ($name, $value) = $line =~ /^\s*(\w+)\s*=\s*(\S+)\s*$/ or die "$card, line $.: write name = value\n";
    $set{$name} = $value;
}
close($in);
for my $name (qw(alphaS cutoff density events seed)) {
    die "$card: $name is missing\n" unless defined $set{$name};
}
my ($energy, $mass) = (91.2, 91.1876);
die "$card: cutoff = $set{cutoff} is outside 0.4 to 10\n" unless $set{cutoff} >= 0.4 && $set{cutoff} <= 10;
srand($set{seed} % 2**31);

my $b0 = (33 - 2 * 5) / (12 * 3.141592653589793);
sub coupling { return $set{alphaS} / (1 + 2 * $b0 * $set{alphaS} * log($_[0] / $mass)) }

my $highest = coupling($set{cutoff});
die "$card: the coupling has no finite value at the cutoff\n" unless $highest > 0 && $highest < 2;

sub poisson {
    my ($mean) = @_;
    my ($limit, $product, $count) = (exp(-$mean), rand(), 0);
    while ($product > $limit) { $product *= rand(); $count++ }
    return $count;
}

my %edges = (
    '/TOY_SHOWER/one_minus_thrust'   => [map { $_ * 0.02 } 0 .. 15],
    '/TOY_SHOWER/charged_multiplicity' => [map { 2 * $_ - 1 } 1 .. 16],
    '/TOY_SHOWER/gluon_ln_kt'        => [map { $_ * 0.4 } 0 .. 10],
);
my %sums = map { $_ => [(0) x $#{ $edges{$_} }] } keys %edges;

sub fill {
    my ($name, $x) = @_;
    my $edges = $edges{$name};
    return if $x < $edges->[0] || $x >= $edges->[-1];
    # all bins of a histogram are equally wide
    my $bin = int(($x - $edges->[0]) / ($edges->[1] - $edges->[0]) + 1e-9);
    $sums{$name}[$bin < $#$edges ? $bin : $#$edges - 1]++;
}

my $rate = 4 * (4 / 3) * $highest / 3.141592653589793;    # of L dL, with L = ln(Q/kT), at the highest coupling
my $end = log($energy / $set{cutoff});
for my $event (1 .. $set{events}) {
    my ($thrust, $charged, $length) = (0, 2, log(2));
    while (1) {
        # the next emission at the highest coupling; kept with the probability that the true one gives
        $length = sqrt($length**2 - 2 * log(1 - rand()) / $rate);
        last if $length >= $end;
        my $kt = $energy * exp(-$length);
        next if rand() > coupling($kt) / $highest;
        my $rapidity = $length * (2 * rand() - 1);
        $thrust += $kt / $energy * exp(-abs($rapidity));
        $charged += 2 * poisson(0.5 * $set{density} * (log($kt / $set{cutoff}) + 1));
        fill('/TOY_SHOWER/gluon_ln_kt', log($kt));
    }
    fill('/TOY_SHOWER/one_minus_thrust', $thrust);
    fill('/TOY_SHOWER/charged_multiplicity', $charged);
}

open(my $file, '>', $out) or die "cannot write $out: $!\n";
for my $name (sort keys %edges) {
    my @edges = @{ $edges{$name} };
    if ($is_data) {
        print $file "BEGIN YODA_ESTIMATE1D_V3 /REF$name\nPath: /REF$name\nTitle: pseudo-data\nType: Estimate1D\n---\n";
        print $file "Edges(A1): [", join(', ', map { sprintf('%.6e', $_) } @edges), "]\n";
        print $file qq(ErrorLabels: ["stat", "sys"]\n# value\terrDn(1)\terrUp(1)\terrDn(2)\terrUp(2)\n);
        print $file "nan\t---\t---\t---\t---\n";
        for my $bin (0 .. $#edges - 1) {
            my $scale = 1 / $set{events} / ($edges[$bin + 1] - $edges[$bin]);
            my $value = $sums{$name}[$bin] * $scale;
            my ($stat, $sys) = (sqrt($sums{$name}[$bin] + 1) * $scale, 0.02 * $value);
            printf $file "%.6e\t%.6e\t%.6e\t%.6e\t%.6e\n", $value, -$stat, $stat, -$sys, $sys;
        }
        print $file "nan\t---\t---\t---\t---\nEND YODA_ESTIMATE1D_V3\n\n";
        next;
    }
    print $file "BEGIN YODA_HISTO1D_V2 $name\nPath: $name\nTitle: ~\nType: Histo1D\n---\n";
    print $file "# xlow\txhigh\tsumw\tsumw2\tsumwx\tsumwx2\tnumEntries\n";
    for my $bin (0 .. $#edges - 1) {
        my ($count, $weight, $x) = ($sums{$name}[$bin], 1 / $set{events}, ($edges[$bin] + $edges[$bin + 1]) / 2);
        printf $file "%.6e\t%.6e\t%.6e\t%.6e\t%.6e\t%.6e\t%.6e\n", $edges[$bin], $edges[$bin + 1],
            $count * $weight, $count * $weight**2, $count * $weight * $x, $count * $weight * $x**2, $count;
    }
    print $file "END YODA_HISTO1D_V2\n\n";
}
close($file) or die "cannot write $out: $!\n";
