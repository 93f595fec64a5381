#!/usr/bin/perl
# Fills a new Request Tracker with what the tests want: a queue "Support" with custom fields, and users "gateway" and "clerk" who
# may work in it, each with an authentication token.
use strict;
use warnings;
use RT;
RT->LoadConfig();
RT->Init();
use RT::Interface::Web;

sub ok { my ($id, $what) = @_; die "$what\n" unless $id; return $id }

my $queue = RT::Queue->new(RT->SystemUser);
ok($queue->Create(Name => 'Support', Description => 'Field tests'));

my %fields = (ExternalID => 'Freeform', Place => 'Freeform', Cost => 'Freeform', Kept => 'Freeform', Detail => 'Text');
for my $name (sort keys %fields) {
    my $field = RT::CustomField->new(RT->SystemUser);
    ok($field->Create(Name => $name, TypeComposite => "$fields{$name}-1", LookupType => RT::Ticket->CustomFieldLookupType), $name);
    ok($field->AddToObject($queue));
}

for my $name (qw(gateway clerk)) {
    my $user = RT::User->new(RT->SystemUser);
    ok($user->Create(Name => $name, EmailAddress => "$name\@example.org", Password => 'correct horse battery', Privileged => 1), $name);
    ok($user->PrincipalObj->GrantRight(Right => $_, Object => $queue), $_)
        for qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ModifyTicket DeleteTicket OwnTicket ReplyToTicket CommentOnTicket
               SeeCustomField ModifyCustomField SetInitialCustomField ShowOutgoingEmail StealTicket TakeTicket ReassignTicket);
    ok($user->PrincipalObj->GrantRight(Right => $_, Object => RT->System), $_)
        for qw(ManageAuthTokens ModifySelf ShowConfigTab);
    my $token = RT::AuthToken->new(RT->SystemUser);
    my ($id, $msg, $text) = $token->Create(Owner => $user->Id, Description => 'field');
    ok($id, $msg);
    open my $out, '>', "$ENV{FIELD_DIR}/token-$name" or die $!;
    print {$out} $text;
    close $out or die $!;
}
