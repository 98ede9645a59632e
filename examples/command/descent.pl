#!/usr/bin/perl
# A program with a fidelity: it takes as many steps as it is told, continuing from the checkpoint of an earlier attempt.
#
# It "trains" two weights in the valley of Rosenbrock by noisy gradient descent with momentum.  All that it is told
# comes from the environment:
#
#     SMBO_PARAM_rate, SMBO_PARAM_momentum    what is tuned
#     SMBO_FIDELITY                           steps in all
#     SMBO_CHECKPOINT                         folder of the attempt to go on from, if there is one
#     SMBO_FOLDER                             this attempt's folder: the state is left there for the next
#     SMBO_REPORTS                            a line {"step": …, "value": …} every now and then
#     SMBO_RESULT, SMBO_SEED
use strict;
use warnings;

my ($rate, $momentum) = ($ENV{SMBO_PARAM_rate}, $ENV{SMBO_PARAM_momentum});
my %state = (step => 0, x => -1.5, y => 2, vx => 0, vy => 0);
if (defined $ENV{SMBO_CHECKPOINT}) {
    my $file = "$ENV{SMBO_CHECKPOINT}/state.txt";
    open(my $in, '<', $file) or die "cannot read $file: $!\n";
    while (<$in>) { my ($name, $value) = split; $state{$name} = $value }
    close($in);
}

sub save {
    my ($file, $text) = @_;
    open(my $out, '>', $file) or die "cannot write $file: $!\n";
    print $out $text;
    close($out) or die "cannot write $file: $!\n";
}

sub loss { return 100 * ($state{y} - $state{x}**2)**2 + (1 - $state{x})**2 }

open(my $reports, '>>', $ENV{SMBO_REPORTS}) or die "cannot write $ENV{SMBO_REPORTS}: $!\n";
$reports->autoflush(1);
while ($state{step} < $ENV{SMBO_FIDELITY}) {
    # the noise of a step hangs on seed and step alone: in two attempts it is the same as in one
    srand(($ENV{SMBO_SEED} + 1_000_003 * $state{step}) % 2**31);
    my $slope = -400 * $state{x} * ($state{y} - $state{x}**2) - 2 * (1 - $state{x});
    my %gradient = (x => $slope + rand() - 0.5, y => 200 * ($state{y} - $state{x}**2) + rand() - 0.5);
    for my $axis ('x', 'y') {
        $state{"v$axis"} = $momentum * $state{"v$axis"} - $rate * $gradient{$axis};
        $state{$axis} += $state{"v$axis"};
    }
    $state{step}++;
    die "diverged at step $state{step}\n" if abs($state{x}) > 1e3 || abs($state{y}) > 1e6;
    printf $reports qq({"step": %d, "value": %.10g}\n), $state{step}, loss() if $state{step} % 10 == 0;
}
save("$ENV{SMBO_FOLDER}/state.txt", join('', map { sprintf("%s %.17g\n", $_, $state{$_}) } sort keys %state));
save($ENV{SMBO_RESULT}, sprintf(qq({"value": %.17g, "cost": %d}), log(loss()), $state{step}));
