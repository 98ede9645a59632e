#!/usr/bin/perl
# A program of one's own, in Perl: it reads the point from a JSON file and writes its result to another.
#
#     decay.pl --seed=SEED PARAMS.json RESULT.json
#
# It measures a lifetime: 2,000 decays with mean life 1.5 behind a linear background, binned, and
# compared with the same at the parameters "lifetime" and "background" by a chi-square per bin.  So the value
# is noisy, its standard error is told, and the best is near lifetime = 1.5, background = 0.2.
use strict;
use warnings;
use JSON::PP;

my ($option, $params_path, $result_path) = @ARGV;
my ($seed) = ($option // '') =~ /^--seed=(\d+)$/ or die "usage: decay.pl --seed=SEED PARAMS RESULT\n";
srand($seed % 2**31);

open(my $in, '<', $params_path) or die "cannot read $params_path: $!\n";
my $params = decode_json(join('', <$in>));
close($in);

my ($n_events, $n_bins, $range) = (2000, 20, 6.0);

sub expected {
    my ($lifetime, $background, $bin) = @_;
    my ($low, $high) = map { $_ * $range / $n_bins } ($bin, $bin + 1);
    my $decays = (exp(-$low / $lifetime) - exp(-$high / $lifetime)) / (1 - exp(-$range / $lifetime));
    my $flat = 2 * (1 - ($low + $high) / (2 * $range)) / $n_bins;
    return $n_events * ((1 - $background) * $decays + $background * $flat);
}

sub gauss { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }

my @terms;
for my $bin (0 .. $n_bins - 1) {
    my $true = expected(1.5, 0.2, $bin);
    my $measured = $true + sqrt($true) * gauss();
    my $model = expected($params->{lifetime}, $params->{background}, $bin);
    push @terms, ($measured - $model)**2 / $true;
}
my ($sum, $squares) = (0, 0);
for my $term (@terms) { $sum += $term; $squares += $term**2 }
my $mean = $sum / $n_bins;
my $sem = sqrt(($squares / $n_bins - $mean**2) / ($n_bins - 1));

open(my $out, '>', $result_path) or die "cannot write $result_path: $!\n";
print $out encode_json({ value => $mean, sem => $sem, n_bins => $n_bins });
close($out) or die "cannot write $result_path: $!\n";
